"""The ops: one record each, in families. A family's module runs when something in it is first asked for.

That keeps the start short: a spec pays for the families that it uses.
"""

from __future__ import annotations

import sys
from importlib.util import LazyLoader, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


def family(name: str) -> ModuleType:
    """Return a family's module, which runs at the first use of one of its attributes."""
    qualified = f"{__name__}.{name}"
    if qualified not in sys.modules:
        path = Path(__file__).with_name(f"{name}.py")
        spec = spec_from_file_location(qualified, path)
        if not path.exists() or spec is None or spec.loader is None:
            raise AttributeError(f"there is no family {name!r}")
        spec.loader = LazyLoader(spec.loader)
        module = sys.modules[qualified] = module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[qualified]


def __getattr__(name: str) -> ModuleType:
    """Make `from gradcli.ops import reduction` give the family without running it."""
    if name.startswith("_") or name in ("registry", "operators"):
        raise AttributeError(name)
    return family(name)
