"""Types: what a value is before it has numbers."""
