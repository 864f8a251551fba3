"""Benchmarks: what the evaluation of a spec costs."""
