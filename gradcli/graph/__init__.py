"""The graph: a spec as a DAG, evaluated or inferred."""
