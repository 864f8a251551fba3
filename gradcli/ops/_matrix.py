"""Matrices: the checks, the memory order and the words of formulas that the linear-algebra families share."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import DtypeError, NumericError, ShapeError
from gradcli.ops import joining, product, rearrange, slicing, views
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._families import Shape
from gradcli.ops._promotion import dtype_name
from gradcli.types.dtype import real_of

FLOATS = ("float32", "float64", "complex64", "complex128")
Array = np.ndarray[Any, Any]


def is_complex(x: Any) -> bool:
    """Return whether a tensor, array or Symbol is complex."""
    return dtype_name(x).startswith("complex")


def dtype_and_real(x: Any, *_: Any) -> tuple[str, str]:
    """Return the dtype of x and that of its absolute value."""
    return dtype_name(x), real_of(dtype_name(x))


def check_matrix(x: Any, op: str, name: str = "A") -> None:
    """Raise ShapeError with PyTorch's text unless x has at least two dimensions."""
    if x.ndim < 2:
        raise ShapeError(f"{op}: The input tensor {name} must have at least 2 dimensions.")


def check_square(x: Any, op: str, name: str = "A") -> None:
    """Raise ShapeError with PyTorch's text unless x is a batch of square matrices."""
    check_matrix(x, op, name)
    if x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"{op}: A must be batches of square matrices, but they are {x.shape[-2]} by {x.shape[-1]} matrices"
        )


def check_floating(x: Any, op: str, kernel: str | None = None) -> None:
    """Raise DtypeError with PyTorch's text unless LAPACK has the dtype of x."""
    if not dtype_name(x).startswith(("float", "complex")):
        raise DtypeError(f"{op}: Expected a floating point or complex tensor as input. Got {scalar_type(x)}")
    if dtype_name(x) == "float16":
        if kernel is None:
            raise DtypeError(f"{op}: Low precision dtypes not supported. Got Half")
        raise DtypeError(f"\"{kernel}\" not implemented for 'Half'")


def check_kernel(x: Any, kernel: str) -> None:
    """Raise DtypeError with PyTorch's text unless LAPACK has the dtype of x, where only the kernel looks."""
    if dtype_name(x) not in FLOATS:
        raise DtypeError(f"\"{kernel}\" not implemented for '{scalar_type(x)}'")


def check_system(a: Any, b: Any, op: str, left: bool = True, name: str = "A") -> None:
    """Raise ShapeError with PyTorch's text unless AX = B (or XA = B) can hold."""
    check_matrix(b, op, "B")
    if a.shape[-2] != (b.shape[-2] if left else b.shape[-1]):
        raise ShapeError(
            f"{op}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({a.shape[-2]}x{a.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})"
        )


def check_info(info: Any, op: str, text: str, code: str) -> None:
    """Raise NumericError for the first matrix whose LAPACK info is not zero; `{}` in the text stands for it."""
    data = views.array_of(info)
    if data is None or not data.any():
        return
    at = int(np.flatnonzero(data.ravel())[0])
    batch = f"(Batch element {at}): " if data.ndim else ""
    raise NumericError(f"{op}: {batch}{text.format(int(data.ravel()[at]))}", code=code)


def fortran(x: Array) -> Array:
    """Return matrices in column-major order, as LAPACK leaves them."""
    return np.ascontiguousarray(np.swapaxes(x, -1, -2)).swapaxes(-1, -2)


def infos(x: Any) -> Array:
    """Return zeros for the LAPACK info of every matrix of a batch."""
    return np.zeros(x.shape[:-2], np.int32)


def H(x: Any) -> Any:
    """Return the conjugate transpose."""
    return product.adjoint(x)


def mm(*xs: Any) -> Any:
    """Return the product of matrices, from left to right."""
    result = xs[0]
    for x in xs[1:]:
        result = product.matmul(result, x)
    return result


def tril(x: Any, diagonal: int = 0) -> Any:
    """Return the lower triangles."""
    return rearrange.tril(x, diagonal)


def triu(x: Any, diagonal: int = 0) -> Any:
    """Return the upper triangles."""
    return rearrange.triu(x, diagonal)


def diagonal(x: Any) -> Any:
    """Return the diagonals of matrices."""
    return slicing.diagonal(x, 0, -2, -1)


def diag_embed(x: Any) -> Any:
    """Return the matrices that have these diagonals."""
    return slicing.diagonal_backward(x, (*x.shape, x.shape[-1]), 0, -2, -1)


def row(x: Any) -> Any:
    """Return vectors as matrices of one row."""
    return rearrange.unsqueeze(x, -2)


def column(x: Any) -> Any:
    """Return vectors as matrices of one column."""
    return rearrange.unsqueeze(x, -1)


def narrow(x: Any, dim: int, start: int, length: int) -> Any:
    """Return a stretch of rows (dim -2) or columns (dim -1), or x itself where that is all."""
    if start == 0 and x.shape[dim] == length:
        return x
    return slicing.slice_(x, dim, start, start + length)


def beside(x: Any, y: Any) -> Any:
    """Return [x | y]."""
    return joining.cat((x, y), -1)


def above(x: Any, y: Any) -> Any:
    """Return x above y."""
    return joining.cat((x, y), -2)


def padded(x: Any, rows: int, columns: int) -> Any:
    """Return matrices with zeros added below and to the right."""
    if rows > x.shape[-2]:
        x = above(x, np.zeros((*x.shape[:-2], rows - x.shape[-2], x.shape[-1]), str(x.dtype)))
    if columns > x.shape[-1]:
        x = beside(x, np.zeros((*x.shape[:-1], columns - x.shape[-1]), str(x.dtype)))
    return x


def total(*terms: Any) -> Any:
    """Return the sum of the terms that are not None (None if all are)."""
    found = None
    for term in terms:
        if term is not None:
            found = term if found is None else found + term
    return found


def same_batch(*shapes: Shape) -> Shape:
    """Return the broadcast batch shape of matrices of these shapes."""
    from gradcli.ops._families import broadcast_shapes

    return broadcast_shapes(*(shape[:-2] for shape in shapes))
