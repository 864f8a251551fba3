"""Index, computed (temporary, until generated)."""

from __future__ import annotations

_cache = {}


def __getattr__(name):
    if name not in ("DECLARED", "ATTRIBUTES", "RESULTS"):
        raise AttributeError(name)
    if not _cache:
        from gradcli.ops import registry

        registry.load()
        import gradcli.autograd.higher
        _cache.update(registry.index_data())
    return _cache[name]
