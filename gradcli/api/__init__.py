"""The verbs of gradcli as functions; every command is one of these, a rendering and an exit code."""
