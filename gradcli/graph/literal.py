"""Literals: nested lists of numbers made into arrays, as `torch.tensor` makes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcli.errors import DtypeError, ShapeError
from gradcli.ops._numbers import fits, no_complex
from gradcli.ops._promotion import as_dtype
from gradcli.types.dtype import DEFAULT, default_complex


def shape_of(value: Any) -> tuple[int, ...]:
    """Return the shape of nested lists; raise ShapeError with PyTorch's text where they are ragged."""
    shape: list[int] = []
    level = [value]
    while level and isinstance(level[0], (list, tuple)):
        size = len(level[0])
        for item in level:
            found = len(item) if isinstance(item, (list, tuple)) else None
            if found != size:
                what = "a number" if found is None else f"got {found}"
                raise ShapeError(f"expected sequence of length {size} at dim {len(shape)} ({what})", code="GC307")
        shape.append(size)
        level = [inner for item in level for inner in item]
    if any(isinstance(item, (list, tuple)) for item in level):
        raise ShapeError(f"expected a number at dim {len(shape)} (got a list)", code="GC307")
    return tuple(shape)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def literal_dtype(value: Any) -> str:
    """Return the dtype that `torch.tensor` gives nested lists: bool, int64, the default dtype or its complex one."""
    kinds = {type(item) for item in _flat(value)}
    if unknown := kinds - {bool, int, float, complex}:
        raise DtypeError(f"a tensor's values are numbers, not {unknown.pop().__name__}", code="GC302")
    if complex in kinds:
        return default_complex()
    if float in kinds or not kinds:
        return DEFAULT.get()
    return "int64" if int in kinds else "bool"


def array_of(value: Any, dtype: str | None = None) -> np.ndarray[Any, Any]:
    """Return the array of a literal in a dtype (default: what `torch.tensor` would choose).

    Raises ShapeError for ragged lists and DtypeError for numbers that the dtype cannot hold.
    """
    shape = shape_of(value)
    name = dtype or literal_dtype(value)
    target = as_dtype(name)
    try:
        wide = np.array(value, dtype=np.complex128 if _has_complex(value) else None)
        if wide.dtype.kind == "c" and target.kind in "iuf":
            raise no_complex(target)
        if target.kind in "iu" and wide.size:
            _check_range(wide, target, name)
        return wide.reshape(shape).astype(np.int64 if name == "uint8" else target).astype(target)
    except (OverflowError, TypeError, ValueError) as error:
        raise DtypeError(f"value cannot be converted to type {name} without overflow: {error}", code="GC308") from None


def _has_complex(value: Any) -> bool:
    return any(isinstance(item, complex) for item in _flat(value))


def _check_range(values: np.ndarray[Any, Any], target: np.dtype[Any], name: str) -> None:
    """Hold numbers to a dtype's range; for PyTorch an unsigned one has room for negative integers, which wrap."""
    if not (fits(values.min().item(), target) and fits(values.max().item(), target)):
        raise DtypeError(f"value cannot be converted to type {name} without overflow", code="GC308")
