"""Parts: the real and imaginary parts of complex tensors, and conjugates."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import DtypeError, ShapeError
from gradcli.ops import creation
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._families import Shape
from gradcli.ops._families import view as view_family
from gradcli.ops._op import attribute, composite, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import Constant, sample
from gradcli.ops._samples import real as reals
from gradcli.ops.views import contiguous, transpose
from gradcli.types.dtype import real_of

_COMPLEX = Constant([[1 + 2j, -0.5j], [0.25, 3 - 1j]], "complex64")
conj_physical = op(
    "_conj", lambda x: np.conjugate(x), grad_fn="ConjBackward0", names="", shape=lambda x: x.shape,
    vjp=dict(x=lambda g: conj(g)),
    samples=lambda: [sample(_COMPLEX)],
)  # fmt: skip
_conj_physical = op(
    "_conj_physical", lambda x: np.conjugate(x), grad_fn="ConjPhysicalBackward0", names="", shape=lambda x: x.shape,
    vjp=dict(x=lambda g: conj(g)), samples=lambda: [sample(_COMPLEX)],
)  # fmt: skip


@composite("torch Tensor", "(input: Tensor)", samples=lambda: [sample(reals(2, 3))], latex=r"\overline{x}")
def conj(x: Any) -> Any:
    """Return the conjugate of a complex value; a real value is its own."""
    return conj_physical(x) if creation.is_complex_value(x) else x


@composite(
    "torch Tensor", "(input: Tensor)", name="conj_physical", samples=lambda: [sample(_COMPLEX)], latex=r"\overline{x}"
)
def conjugated(x: Any) -> Any:
    """Return the conjugate, computed at once."""
    return _conj_physical(x) if creation.is_complex_value(x) else x


@composite(
    "torch.resolve_conj Tensor.resolve_conj torch.resolve_neg Tensor.resolve_neg", "(input: Tensor)",
    samples=lambda: [sample(_COMPLEX)],
)  # fmt: skip
def resolve_conj(x: Any) -> Any:
    """Return x, whose conjugation and negation are never pending here."""
    return x


def real_dtype(x: Any) -> str:
    """Return the dtype of the parts of a complex tensor, by name."""
    return real_of(dtype_name(x))


view_as_real = view_family(
    "view_as_real", lambda x: _pairs(x), signature="(input: Tensor)", dtype=real_dtype, shape=lambda x: _pairs_rule(x),
    vjp=dict(x=lambda g: view_as_complex(contiguous(g))), samples=lambda: [sample(_COMPLEX)],
)  # fmt: skip
view_as_complex = view_family(
    "view_as_complex", lambda x: x.view(np.complex64 if x.dtype.itemsize == 4 else np.complex128)[..., 0],
    signature="(input: Tensor)",
    dtype=lambda x: {"float32": "complex64", "float64": "complex128"}[dtype_name(x)], shape=lambda x: _complex_rule(x),
    vjp=dict(x=lambda g: view_as_real(g)), samples=lambda: [sample(reals(3, 2))],
)  # fmt: skip


def _pairs(x: Any) -> Any:
    x = np.asarray(x)
    return np.expand_dims(x, -1).view(np.float32 if x.dtype == np.complex64 else np.float64)


def _pairs_rule(x: Any) -> Shape:
    if not creation.is_complex_value(x):
        raise DtypeError("view_as_real is only supported for complex tensors")
    return (*x.shape, 2)


def _complex_rule(x: Any) -> Shape:
    if dtype_name(x) not in ("float32", "float64"):
        raise DtypeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: "
            f"{scalar_type(x)}"
        )
    if not x.ndim or x.shape[-1] != 2:
        raise ShapeError("Tensor must have a last dimension of size 2")
    return x.shape[:-1]  # type: ignore[no-any-return]


def _part(at: int) -> Any:
    def function(x: Any) -> Any:
        from gradcli.ops import slicing

        return slicing.select(view_as_real(x), -1, at)

    return function


attribute("real")
attribute("imag")
attribute("H")
attribute("mH")
_real_part, _imag_part = _part(0), _part(1)


@composite("torch Tensor", "(input: Tensor)", samples=lambda: [sample(reals(2, 3))], latex=r"\operatorname{Re} x")
def real(x: Any) -> Any:
    """Return the real part; a real value is its own."""
    return _real_part(x) if creation.is_complex_value(x) else x


@composite("torch Tensor", "(input: Tensor)", samples=lambda: [sample(_COMPLEX)], latex=r"\operatorname{Im} x")
def imag(x: Any) -> Any:
    """Return the imaginary part of a complex tensor."""
    if not creation.is_complex_value(x):
        raise DtypeError("imag is not implemented for tensors with non-complex dtypes.")
    return _imag_part(x)


@composite("torch.adjoint Tensor.adjoint Tensor.mH", "(input: Tensor)", samples=lambda: [sample(reals(4, 2, 3))])
def adjoint(x: Any) -> Any:
    """Return the conjugate of x with its last two dimensions swapped."""
    if x.ndim == 1:
        raise ShapeError("tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return conj(transpose(x, -2, -1) if x.ndim else x)


@composite("Tensor", "(input: Tensor)", name="H", samples=lambda: [sample(reals(2, 3))])
def conjugate_transposed(x: Any) -> Any:
    """Return the conjugate transpose of a matrix."""
    if x.ndim not in (0, 2):
        raise ShapeError(f"tensor.H is only supported on matrices (2-D tensors). Got {x.ndim}-D tensor.")
    return conj(transpose(x, 0, 1) if x.ndim else x)


attribute("data")
detach = view_family(
    "detach", lambda x: x[...], names="torch Tensor Tensor.data", signature="(input: Tensor)", shape=lambda x: x.shape,
    notes="a view that no gradient flows through",
)  # fmt: skip
