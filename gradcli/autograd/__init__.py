"""Autograd: derivatives; it knows ops, not graphs or YAML."""
