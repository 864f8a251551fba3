"""Where text came from: spans, diagnostics and the closed set of codes."""
