"""Triangular systems, solved by substitution."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import ShapeError
from gradcli.ops import rearrange
from gradcli.ops._families import Shape
from gradcli.ops._matrix import Array, H, check_square, check_system, fortran, mm, same_batch, tril, triu
from gradcli.ops._op import op
from gradcli.ops._samples import ErrorSample, nonzero, real, sample


def substitute(a: Array, b: Array, upper: bool, unit: bool) -> Array:
    """Return X with AX = B for triangular A, row after row; a zero on the diagonal gives what IEEE division gives."""
    n = a.shape[-1]
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = np.array(np.broadcast_to(b, (*batch, *b.shape[-2:])), np.result_type(a, b))
    for i in range(n - 1, -1, -1) if upper else range(n):
        known = slice(i + 1, n) if upper else slice(0, i)
        if known.start < known.stop:
            x[..., i, :] -= (a[..., i : i + 1, known] @ x[..., known, :])[..., 0, :]
        if not unit:
            x[..., i, :] /= a[..., i, i, None]
    return x


def _kernel(a: Array, b: Array, upper: bool, left: bool = True, unit: bool = False) -> Array:
    if left:
        return fortran(substitute(a, b, upper, unit))
    turned = substitute(a.swapaxes(-1, -2), b.swapaxes(-1, -2), not upper, unit)
    return fortran(turned.swapaxes(-1, -2))


def _rule(a: Any, b: Any, upper: bool, left: bool = True, unit: bool = False) -> Shape:
    check_square(a, "linalg.solve_triangular")
    check_system(a, b, "linalg.solve_triangular", left)
    return (*same_batch(b.shape, a.shape), *b.shape[-2:])


def _backward(g: Any, a: Any, out: Any, upper: bool, left: bool, unit: bool, needs: tuple[bool, ...]) -> Any:
    g_b = solve_triangular(H(a), g, not upper, left, unit)
    if not needs[0]:
        return None, g_b
    g_a = -mm(g_b, H(out)) if left else -mm(H(out), g_b)
    return triu(g_a, int(unit)) if upper else tril(g_a, -int(unit)), g_b


solve_triangular = op(
    "linalg_solve_triangular", _kernel, names="linalg.solve_triangular", shape=_rule, latex=r"X : A X = B",
    signature="(A: Tensor, B: Tensor, *, upper: bool, left: bool=True, unitriangular: bool=False)",
    vjp={"a, b": lambda g, a, out, upper, left, unit, needs: _backward(g, a, out, upper, left, unit, needs)},
    samples=lambda: [
        sample(nonzero(3, 3), real(3, 2), upper=True), sample(nonzero(2, 3, 3), real(4, 3), upper=False, left=False),
        sample(real(3, 3), real(2, 3, 1), upper=True, unitriangular=True),
        ErrorSample((real(3, 3), real(4, 2)), "Incompatible shapes of A and B for the equation AX = B (3x3 and 4x2)",
                    {"upper": True}),
    ],
)  # fmt: skip


def _old_kernel(
    b: Array, a: Array, upper: bool = True, transpose: bool = False, unit: bool = False
) -> tuple[Array, Array]:
    batch = same_batch(b.shape, a.shape)
    clone = np.broadcast_to(a, (*batch, *a.shape[-2:]))
    matrix, high = (a.swapaxes(-1, -2), not upper) if transpose else (a, upper)
    return fortran(substitute(matrix, b, high, unit)), fortran(clone)


def _old_rule(b: Any, a: Any, *_: Any) -> tuple[Shape, Shape]:
    for name, x in (("b", b), ("A", a)):
        if x.ndim < 2:
            raise ShapeError(
                f"torch.triangular_solve: Expected {name} to have at least 2 dimensions, but it has {x.ndim} "
                "dimensions instead"
            )
    check_square(a, "triangular_solve")
    if a.shape[-1] != b.shape[-2]:
        raise ShapeError(
            f"Incompatible matrix sizes for triangular_solve: each A matrix is {a.shape[-1]} by {a.shape[-1]} but each "
            "b matrix "
            f"is {b.shape[-2]} by {b.shape[-1]}"
        )
    batch = same_batch(b.shape, a.shape)
    return (*batch, *b.shape[-2:]), (*batch, *a.shape[-2:])


def _old_backward(g: Any, a: Any, x: Any, upper: bool, transpose: bool, unit: bool) -> Any:
    if g[0] is None:
        return None, g[1]
    matrix = rearrange.conj(a) if transpose else H(a)
    g_b = solve_triangular(matrix, g[0], upper if transpose else not upper, True, unit)
    g_a = -mm(rearrange.conj(x), rearrange.transpose(g_b, -2, -1)) if transpose else -mm(g_b, H(x))
    g_a = triu(g_a, int(unit)) if upper else tril(g_a, -int(unit))
    return g_b, g_a if g[1] is None else g_a + g[1]


triangular_solve = op(
    "triangular_solve", _old_kernel, outputs=("solution", "cloned_coefficient"), shape=_old_rule,
    signature="(b: Tensor, A: Tensor, upper: bool=True, transpose: bool=False, unitriangular: bool=False)",
    vjp={"b, a": lambda g, a, out, upper, transpose, unit: _old_backward(g, a, out[0], upper, transpose, unit)},
)  # fmt: skip
