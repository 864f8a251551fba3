"""The spec: YAML in, Graph out."""
