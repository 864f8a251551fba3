"""Lanes: an elementwise kernel taken apart into the NumPy functions that it calls, and a mean into a sum and a quotient.

What is known call by call can be written into memory that is at hand, shared with other kernels, and done piece by piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from gradcli.ops import reduction

if TYPE_CHECKING:
    from gradcli.autograd.plan import Traced
    from gradcli.ops._op import Op


class Inseparable(Exception):
    """A kernel does more than call elementwise functions of NumPy."""


class Lane(NDArrayOperatorsMixin):
    """A traced value as an elementwise kernel sees it: each NumPy function of it is a call on the tape."""

    __slots__ = ("value",)

    def __init__(self, value: Traced) -> None:
        self.value = value

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Write down a function's call; what writes into its operands, reduces, or casts is not elementwise alone."""
        if method != "__call__" or kwargs or ufunc.nout != 1 or ufunc.signature:
            raise Inseparable
        return Lane(self.value.tape.call(ufunc, [i.value if type(i) is Lane else i for i in inputs], elementwise=True))

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of all dimensions."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.value.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The element type."""
        return self.value.dtype

    def astype(self, dtype: Any, copy: bool = True) -> Lane:
        """Return the values in another dtype."""
        return self if self.dtype == dtype else Lane(self.value.astype(np.dtype(dtype)))

    def __getitem__(self, index: Any) -> Lane:
        if index == ():
            return self
        raise Inseparable

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise Inseparable

    __array__ = __array_function__ = __bool__ = __int__ = __float__ = __len__ = __iter__ = _refuse
    __pow__ = __rpow__ = _refuse
    """`x ** 2` of an array is another function than `np.power(x, 2)`."""


def taken_apart(op: Op, values: Sequence[Any]) -> Traced | None:
    """Run an elementwise op's kernel on lanes; None where it does not come apart, and has to be called whole."""
    try:
        result = op.run([Lane(value) if hasattr(value, "tape") else value for value in values])
    except Exception:
        return None
    return result.value if type(result) is Lane else None


SUMS = {reduction.mean_all: reduction.sum_all, reduction.mean: reduction.sum_}
"""Means, and the sums that they are quotients of."""


def divided(op: Op, values: Sequence[Any]) -> Traced | None:
    """Run a mean as what it is, a sum divided by its number of terms; None for others, and where more than that is done."""
    x, dtype = values[0], values[-1]
    if op not in SUMS or dtype is not None or x.dtype.kind not in "fc" or x.dtype.itemsize <= 2:
        return None
    terms = x.dtype.type(reduction.count(x.shape, values[1] if op is reduction.mean else None))
    return x.tape.call(np.divide, [x.tape.run(SUMS[op], values), terms], elementwise=True)  # type: ignore[no-any-return]
