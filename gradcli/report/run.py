"""The RunReport: what one evaluation of a spec gave, as plain data for every format of `run`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np

    from gradcli.source.diagnostic import Diagnostic

Kind: TypeAlias = Literal["input", "parameter", "op", "part", "number"]
Array: TypeAlias = "np.ndarray[Any, Any]"


class TensorRow(NamedTuple):
    """One name and what it holds; a row of kind "number" holds a Python number and has no shape, dtype or grad_fn."""

    name: str
    kind: Kind
    op: str | None
    shape: tuple[int, ...] | None
    dtype: str | None
    requires_grad: bool
    is_leaf: bool
    grad_fn: str | None
    value: Any
    grad: Array | None = None


def number_row(name: str, value: Any, op: str | None = None) -> TensorRow:
    """The row of a value that is no tensor."""
    return TensorRow(name, "number", op, None, None, False, False, None, value)


class BackwardRow(NamedTuple):
    """One backward step: its outputs, their v (an implicit one is 1.0) and every grad after it."""

    label: str | None
    output: tuple[str, ...]
    v: tuple[Array | float, ...]
    grads: Mapping[str, Array | None]


class ZeroGradRow(NamedTuple):
    """One zero_grad step: the names that it was written with and every grad after it."""

    zero_grad: tuple[str, ...]
    grads: Mapping[str, Array | None]
    label: str | None = None


StepRow: TypeAlias = BackwardRow | ZeroGradRow


class RunReport(NamedTuple):
    """One evaluated spec: tensors in document order, steps in order, and the errors that ended it, if any."""

    spec: str
    description: str | None = None
    dtype: str = "float32"
    manual_seed: int = 0
    tensors: tuple[TensorRow, ...] = ()
    steps: tuple[StepRow, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
