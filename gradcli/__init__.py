"""gradcli evaluates computational graphs and differentiates them as PyTorch's autograd does, without PyTorch.

```python
import gradcli
result = gradcli.run("spec.yaml")
result["w"].grad
```

Importing the package imports no NumPy; the first use of a name does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from gradcli.api.run import Compiled, Result, compile, run
    from gradcli.api.spec import Spec, load, loads
    from gradcli.autograd.tensor import Tensor
    from gradcli.errors import GradcliError, SpecError

_HOMES = {
    "load": "api.spec", "loads": "api.spec", "Spec": "api.spec",
    "run": "api.run", "compile": "api.run", "Result": "api.run", "Compiled": "api.run",
    "Tensor": "autograd.tensor", "SpecError": "errors", "GradcliError": "errors",
}  # fmt: skip

__all__ = [
    "Compiled",
    "GradcliError",
    "Result",
    "Spec",
    "SpecError",
    "Tensor",
    "__version__",
    "compile",
    "load",
    "loads",
    "run",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module 'gradcli' has no attribute {name!r}")
    import sys
    from importlib import import_module

    home = f"gradcli.{_HOMES[name]}"
    return getattr(sys.modules.get(home) or import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
