"""Symbol: a tensor before it has numbers; every op called on one infers shape, dtype and requires_grad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcli.autograd.tensor import Tensor, is_recording
from gradcli.errors import OpError
from gradcli.ops import operators
from gradcli.ops._op import Op
from gradcli.ops._promotion import as_dtype, dtype_name
from gradcli.ops.registry import Results

RESULT_DTYPES = {
    "indices": "int64", "inverse_indices": "int64", "counts": "int64", "rank": "int64", "exponent": "int32", "info": "int32",
    "pivots": "int32", "mask": "bool",
}  # fmt: skip
"""What a result of this name holds, whatever the inputs are."""


class UnknownValue(Exception):
    """Something asked a Symbol for what only an evaluation knows."""


class Symbol(operators.Operators):
    """A shape and a dtype; a shape of None is unknown, and everything that depends on it."""

    __slots__ = ("_dtype", "_shape", "requires_grad")

    def __init__(self, shape: tuple[int, ...] | None, dtype: Any = None, requires_grad: bool = False) -> None:
        self._shape = shape
        self._dtype: np.dtype[Any] | None = None if dtype is None else np.dtype(dtype)
        self.requires_grad = requires_grad

    @classmethod
    def of(cls, value: Any) -> Any:
        """Return tensors as symbols, also in tuples; anything else is itself."""
        if isinstance(value, Tensor):
            return cls(value.shape, value.dtype, value.requires_grad)
        if isinstance(value, Results):
            return Results([cls.of(item) for item in value], value.names)
        return tuple(map(cls.of, value)) if type(value) is tuple else value

    @property
    def known(self) -> bool:
        """Whether the shape is known."""
        return self._shape is not None

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes; UnknownValue where they depend on data."""
        if self._shape is None:
            raise UnknownValue
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The element type; UnknownValue where it is not known."""
        if self._dtype is None:
            raise UnknownValue
        return self._dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def is_leaf(self) -> bool:
        """Whether it is a leaf, which inference does not follow."""
        raise UnknownValue

    @property
    def real(self) -> Symbol:
        """The real part, for promotion."""
        return self

    def astype(self, dtype: Any) -> Symbol:
        """Return this in another dtype, as promotion does."""
        return Symbol(self._shape, dtype, self.requires_grad)

    def item(self) -> Any:
        """There is no value."""
        raise UnknownValue

    tolist = __bool__ = __len__ = item

    def __apply__(self, op: Op, values: list[Any]) -> Any:
        """Return what an op would give for these values."""
        return apply(op, values)

    def __repr__(self) -> str:
        return f"Symbol({self._shape}, {self._dtype})"


def _all_known(values: Sequence[Any]) -> bool:
    for value in values:
        items = value if type(value) in (list, tuple) else (value,)
        if any(isinstance(item, Symbol) and not item.known for item in items):
            return False
    return True


def apply(op: Op, values: Sequence[Any]) -> Any:
    """Return symbols for an op's results: shapes by its `shape` rule, dtypes by promotion and its `dtype`."""
    needs = _requires_grad(op, values)
    if op.shape is None or not _all_known(values):
        return _unknown(op)
    if op.promote is not None:
        values = op.promote(op, values)
    shape = op.shape(*values)
    if shape is None:
        return _unknown(op)
    dtype = _dtype(op, values)
    if op.outputs is None and not (shape and isinstance(shape[0], tuple)):
        return Symbol(tuple(shape), dtype, needs)
    names = op.outputs or ("",) * len(shape)
    dtypes = dtype if isinstance(dtype, tuple) else [_named(RESULT_DTYPES.get(name)) or dtype for name in names]
    items = [Symbol(s, d, needs and n not in op.constant) for s, d, n in zip(shape, dtypes, names, strict=False)]
    return tuple(items)


def _unknown(op: Op) -> Any:
    if op.outputs is None:
        return Symbol(None)
    return tuple(Symbol(None) for _ in op.outputs)


def _requires_grad(op: Op, values: Sequence[Any]) -> bool:
    items = [i for at in op.differentiable for i in (values[at] if type(values[at]) in (list, tuple) else [values[at]])]
    return (op.view or is_recording()) and any(getattr(item, "requires_grad", False) for item in items)


def _dtype(op: Op, values: Sequence[Any]) -> Any:
    """Return the dtype (or one for each result) that an op gives."""
    if callable(op.dtype):
        found = op.dtype(*values)
        return tuple(map(_named, found)) if isinstance(found, tuple) else _named(found)
    if op.dtype is not None:
        return tuple(map(_named, op.dtype)) if isinstance(op.dtype, tuple) else _named(op.dtype)
    for value in values:
        for item in value if type(value) in (list, tuple) else (value,):
            if hasattr(item, "dtype"):
                return _named(dtype_name(item))
    raise OpError(f"{op.name} has no tensor")


def _named(name: Any) -> Any:
    return None if name is None else as_dtype(str(name))
