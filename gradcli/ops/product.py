"""Products: of vectors, matrices and batches of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import DtypeError, ShapeError
from gradcli.ops import rearrange, views
from gradcli.ops._dtype_text import c_type, scalar_type
from gradcli.ops._families import Shape, broadcast_shapes
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import as_dtype, dtype_name, same
from gradcli.ops._samples import ErrorSample, real, sample

_HALF = as_dtype("float16")
MAT2 = "(input: Tensor, mat2: Tensor)"
SCALED = "(input: Tensor, {0}: Tensor, {1}: Tensor, *, beta: Scalar=1, alpha: Scalar=1)"


def adjoint(x: Any) -> Any:
    """Return the conjugate transpose of matrices."""
    return rearrange.conj(rearrange.transpose(x, -2, -1))


def scaled(g: Any, factor: Any) -> Any:
    """Return g times the conjugate of a number, without an op where that is 1."""
    return g if factor == 1 else g * factor.conjugate()


def matrix_product(x: Any, y: Any) -> Any:
    """Return NumPy's product of matrices; half precision is summed in single, as in PyTorch."""
    if x.dtype == _HALF:
        return np.matmul(x.astype(np.float32), y.astype(np.float32)).astype(np.float16)
    return np.matmul(x, y)


def no_bool(kernel: str, x: Any) -> None:
    """Raise PyTorch's error where a product of truth values is asked for."""
    if dtype_name(x) == "bool":
        raise DtypeError(f"\"{kernel}\" not implemented for 'Bool'")


def expanded(shape: Shape, target: Shape) -> Shape:
    """Return `target`; raise ShapeError with PyTorch's text where a tensor of this shape does not broadcast to it."""
    extra = len(target) - len(shape)
    if extra < 0:
        raise ShapeError(
            f"The number of sizes provided ({len(target)}) must be greater or equal to the number of dimensions in the "
            f"tensor ({len(shape)})"
        )
    for at, n in reversed(list(enumerate(shape))):
        if n not in (1, target[at + extra]):
            raise ShapeError(
                f"The expanded size of the tensor ({target[at + extra]}) must match the existing size ({n}) at "
                f"non-singleton dimension {at + extra}.  Target sizes: {list(target)}.  Tensor sizes: {list(shape)}"
            )
    return target


def _weighted(x: Any, product: Any, beta: Any, alpha: Any) -> Any:
    """Return beta·x + alpha·product, where beta = 0 leaves out x even if it is not finite."""
    if alpha != 1:
        product = product * alpha
    if beta == 0:
        return product
    return np.asarray(x if beta == 1 else x * beta) + product


def _mm_sizes(x: Any, y: Any) -> Shape:
    if x.shape[1] != y.shape[0]:
        raise ShapeError(
            f"mat1 and mat2 shapes cannot be multiplied ({x.shape[0]}x{x.shape[1]} and {y.shape[0]}x{y.shape[1]})"
        )
    return x.shape[0], y.shape[1]


def _mm_rule(x: Any, y: Any) -> Shape:
    if x.ndim != 2:
        raise ShapeError("self must be a matrix")
    if y.ndim != 2:
        raise ShapeError("mat2 must be a matrix")
    size = _mm_sizes(x, y)
    if x.dtype != y.dtype:
        raise DtypeError(f"expected m1 and m2 to have the same dtype, but got: {c_type(x)} != {c_type(y)}")
    no_bool("addmm_impl_cpu_", x)
    return size


mm = op(
    "mm", lambda x, y: matrix_product(x, y), signature=MAT2, shape=_mm_rule, latex="X Y",
    vjp=dict(x=lambda g, y: mm(g, rearrange.conj(rearrange.t(y))), y=lambda g,
        x: mm(rearrange.conj(rearrange.t(x)), g)),
    samples=lambda: [
        sample(real(2, 3), real(3, 4)),
        sample(real(2, 0), real(0, 4)),
        ErrorSample((real(2, 3), real(4, 5)), "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"),
    ],
)  # fmt: skip


def _bmm_sizes(x: Any, y: Any) -> Shape:
    if x.ndim != 3:
        raise ShapeError("batch1 must be a 3D tensor")
    if y.ndim != 3:
        raise ShapeError("batch2 must be a 3D tensor")
    if (x.shape[0], x.shape[2]) != y.shape[:2]:
        raise ShapeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{x.shape[0]}, {x.shape[2]}] but got: "
            f"[{y.shape[0]}, {y.shape[1]}]."
        )
    return x.shape[0], x.shape[1], y.shape[2]


def _bmm_rule(x: Any, y: Any) -> Shape:
    size = _bmm_sizes(x, y)
    if x.dtype != y.dtype:
        raise DtypeError(f"expected scalar type {scalar_type(x)} but found {scalar_type(y)}")
    no_bool("bmm", x)
    return size


bmm = op(
    "bmm", lambda x, y: matrix_product(x, y), signature=MAT2, shape=_bmm_rule, latex="X_b Y_b",
    vjp=dict(x=lambda g, y: bmm(g, adjoint(y)), y=lambda g, x: bmm(adjoint(x), g)),
    samples=lambda: [sample(real(2, 3, 4), real(2, 4, 2))],
)  # fmt: skip


def _mv_sizes(x: Any, y: Any, size: Shape) -> Shape:
    if x.ndim != 2 or y.ndim != 1 or len(size) > 1:
        raise ShapeError(f"vector + matrix @ vector expected, got {len(size)}, {x.ndim}, {y.ndim}")
    if x.shape[1] != y.shape[0] or size not in ((), (1,), x.shape[:1]):
        size = size or (1,)
        raise ShapeError(f"size mismatch, got input ({size[0]}), mat ({x.shape[0]}x{x.shape[1]}), vec ({y.shape[0]})")
    return x.shape[0:1]


def _mv_rule(x: Any, y: Any) -> Shape:
    size = _mv_sizes(x, y, x.shape[:1])
    if x.dtype != y.dtype:
        names = f"{scalar_type(y)}, {scalar_type(x)}, and {scalar_type(y)}"
        raise DtypeError(f"addmv input tensors must have the same dtype, but got {names}")
    no_bool("addmv_impl_cpu", x)
    return size


mv = op(
    "mv", lambda x, y: matrix_product(x, y), signature="(input: Tensor, vec: Tensor)", shape=_mv_rule, latex="X y",
    vjp=dict(x=lambda g, y: outer(g, rearrange.conj(y)), y=lambda g, x: mv(rearrange.t(rearrange.conj(x)), g)),
    samples=lambda: [sample(real(2, 3), real(3)), ErrorSample((real(2, 3), real(4)), "size mismatch, got input (2)")],
)  # fmt: skip


def _dot_rule(x: Any, y: Any) -> Shape:
    if x.ndim != 1 or y.ndim != 1:
        raise ShapeError(f"1D tensors expected, but got {x.ndim}D and {y.ndim}D tensors")
    if x.dtype != y.dtype:
        raise DtypeError(
            f"dot : expected both vectors to have same dtype, but found {scalar_type(x)} and {scalar_type(y)}"
        )
    if x.shape != y.shape:
        a, b = x.shape[0], y.shape[0]
        raise ShapeError(
            f"inconsistent tensor size, expected tensor [{a}] and src [{b}] to have the same number of elements, but "
            "got "
            f"{a} and {b} elements respectively"
        )
    no_bool("dot", x)
    return ()


DOT_SAMPLES = (
    sample(real(3), real(3)),
    sample(real(0), real(0)),
    ErrorSample((real(2), real(3)), "inconsistent tensor size"),
)
dot = op(
    "dot", lambda x, y: matrix_product(x, y), signature="(input: Tensor, tensor: Tensor)", shape=_dot_rule,
    latex=r"x \cdot y", samples=DOT_SAMPLES,
    vjp=dict(x=lambda g, y: g * rearrange.conj(y), y=lambda g, x: g * rearrange.conj(x)),
)  # fmt: skip
vdot = op(
    "vdot", lambda x, y: matrix_product(np.conjugate(x), y), signature="(input: Tensor, other: Tensor)",
    shape=_dot_rule,
    latex=r"\bar{x} \cdot y", samples=DOT_SAMPLES,
    vjp=dict(x=lambda g, y: rearrange.conj(g) * y, y=lambda g, x: g * x),
)  # fmt: skip


def _addmm_rule(x: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Shape:
    for number, m in enumerate((a, b), 1):
        if m.ndim != 2:
            raise ShapeError(f"mat{number} must be a matrix, got {m.ndim}-D tensor")
    size = expanded(x.shape, _mm_sizes(a, b))
    _same_dtype(x, a, b)
    no_bool("addmm_impl_cpu_", a)
    return size


def _same_dtype(x: Any, a: Any, b: Any) -> None:
    if not x.dtype == a.dtype == b.dtype:
        raise DtypeError(f"self and mat2 must have the same dtype, but got {scalar_type(x)} and {scalar_type(b)}")


addmm = op(
    "addmm", lambda x, a, b, *, beta=1, alpha=1: _weighted(x, matrix_product(a, b), beta, alpha), shape=_addmm_rule,
    signature=SCALED.format("mat1", "mat2"), latex=r"\beta X + \alpha A B",
    vjp=dict(
        x=lambda g, beta: scaled(g, beta),
        a=lambda g, b, alpha: scaled(mm(g, rearrange.conj(rearrange.t(b))), alpha),
        b=lambda g, a, alpha: scaled(mm(rearrange.conj(rearrange.t(a)), g), alpha),
    ),
    samples=lambda: [sample(real(4), real(2, 3), real(3, 4)),
        sample(real(2, 4), real(2, 3), real(3, 4), beta=0.5, alpha=2)],
)  # fmt: skip


def _addmv_rule(x: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Shape:
    size = _mv_sizes(a, b, x.shape)
    if not x.dtype == a.dtype == b.dtype:
        names = f"{scalar_type(x)}, {scalar_type(a)}, and {scalar_type(b)}"
        raise DtypeError(f"addmv input tensors must have the same dtype, but got {names}")
    no_bool("addmv_impl_cpu", a)
    return size


addmv = op(
    "addmv", lambda x, a, b, *, beta=1, alpha=1: _weighted(x, matrix_product(a, b), beta, alpha), shape=_addmv_rule,
    signature=SCALED.format("mat", "vec"), latex=r"\beta x + \alpha A b",
    vjp=dict(
        x=lambda g, beta: scaled(g, beta),
        a=lambda g, b, alpha: scaled(outer(g, rearrange.conj(b)), alpha),
        b=lambda g, a, alpha: scaled(mv(rearrange.conj(rearrange.t(a)), g), alpha),
    ),
    samples=lambda: [sample(real(2), real(2, 3), real(3)), sample(real(2), real(2, 3), real(3), beta=0.5, alpha=2)],
)  # fmt: skip


def _addr_rule(x: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Shape:
    for number, v in enumerate((a, b), 1):
        if v.ndim != 1:
            raise ShapeError(f"addr: Expected 1-D argument vec{number}, but got {v.ndim}-D")
    integral = not str(a.dtype).startswith(("float", "complex"))
    for name, factor in (("beta", beta), ("alpha", alpha)):
        if integral and type(factor) is not int and type(factor) is not bool:
            raise DtypeError(f"For integral input tensors, argument {name} must not be a floating point number.")
    return expanded(x.shape, (a.shape[0], b.shape[0]))


addr = op(
    "addr", lambda x, a, b, *, beta=1, alpha=1: _weighted(x, np.multiply.outer(a, b), beta, alpha), shape=_addr_rule,
    signature=SCALED.format("vec1", "vec2"), promote=same, latex=r"\beta X + \alpha a \otimes b",
    vjp=dict(
        x=lambda g, beta: scaled(g, beta),
        a=lambda g, b, alpha: scaled(mv(g, rearrange.conj(b)), alpha),
        b=lambda g, a, alpha: scaled(mv(rearrange.t(g), rearrange.conj(a)), alpha),
    ),
    samples=lambda: [sample(real(2, 3), real(2), real(3)), sample(real(3), real(2), real(3), beta=0.5, alpha=2)],
)  # fmt: skip


def _addbmm_rule(x: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Shape:
    for number, m in enumerate((a, b), 1):
        if m.ndim != 3:
            raise ShapeError(f"batch{number} must be a 3D tensor")
    if a.shape[0] != b.shape[0]:
        raise ShapeError(f"batch1 and batch2 must have same number of batches, got {a.shape[0]} and {b.shape[0]}")
    if a.shape[2] != b.shape[1]:
        raise ShapeError(f"Incompatible matrix sizes for bmm ({a.shape[1]}x{a.shape[2]} and {b.shape[1]}x{b.shape[2]})")
    size = expanded(x.shape, (a.shape[1], b.shape[2]))
    _same_dtype(x, a, b)
    no_bool("addmm_impl_cpu_", a)
    return size


def _repeated(g: Any, batch: Shape) -> Any:
    return rearrange.expand(rearrange.unsqueeze(g, 0), (batch[0], *g.shape))


addbmm = op(
    "addbmm", lambda x, a, b, *, beta=1,
    alpha=1: _weighted(x, np.sum(matrix_product(a, b), 0, dtype=a.dtype), beta, alpha),
    signature=SCALED.format("batch1", "batch2"), shape=_addbmm_rule, latex=r"\beta X + \alpha \sum_b A_b B_b",
    vjp=dict(
        x=lambda g, beta: scaled(g, beta),
        a=lambda g, a_shape, b, alpha: scaled(bmm(_repeated(g, a_shape), adjoint(b)), alpha),
        b=lambda g, a, alpha: scaled(bmm(adjoint(a), _repeated(g, a.shape)), alpha),
    ),
    samples=lambda: [sample(real(3, 2), real(2, 3, 4), real(2, 4, 2)),
                     sample(real(2), real(2, 3, 4), real(2, 4, 2), beta=0.5, alpha=2)],
)  # fmt: skip


def _baddbmm_rule(x: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Shape:
    size = expanded(x.shape, _bmm_sizes(a, b))
    if not x.dtype == a.dtype == b.dtype:
        raise DtypeError(
            f"Input dtypes must be the same, got: input {c_type(x)}, batch1: {c_type(a)}, batch2: {c_type(b)}"
        )
    no_bool("baddbmm", a)
    return size


baddbmm = op(
    "baddbmm", lambda x, a, b, *, beta=1, alpha=1: _weighted(x, matrix_product(a, b), beta, alpha), shape=_baddbmm_rule,
    signature=SCALED.format("batch1", "batch2"), latex=r"\beta X_b + \alpha A_b B_b",
    vjp=dict(
        x=lambda g, beta: scaled(g, beta),
        a=lambda g, b, alpha: scaled(bmm(g, adjoint(b)), alpha),
        b=lambda g, a, alpha: scaled(bmm(adjoint(a), g), alpha),
    ),
    samples=lambda: [sample(real(2, 3, 2), real(2, 3, 4), real(2, 4, 2)),
                     sample(real(2), real(2, 3, 4), real(2, 4, 2), beta=0.5, alpha=2)],
)  # fmt: skip


def _squeeze(x: Any, dim: int) -> Any:
    return np.squeeze(x, dim)


squeeze_in_place = op(
    "squeeze_", _squeeze, names="", grad_fn="SqueezeBackward4", signature="(input: Tensor, dim: int)",
    shape=lambda x, dim: x.shape[:dim] + x.shape[dim + 1 :], vjp=dict(x=lambda g, dim: rearrange.unsqueeze(g, dim)),
)  # fmt: skip


@composite("torch Tensor Tensor.__matmul__", "(input: Tensor, other: Tensor)", latex="X Y", samples=lambda: [
    sample(real(3), real(3)), sample(real(2, 3), real(3)), sample(real(3), real(3, 2)), sample(real(2, 3), real(3, 2)),
    sample(real(2, 2, 3), real(3, 2)), sample(real(2, 3), real(2, 3, 2)), sample(real(2, 1, 2, 3), real(2, 3, 2)),
    ErrorSample((real(2, 3), real(4, 5)), "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"),
])  # fmt: skip
def matmul(x: Any, y: Any) -> Any:
    """Return the product of vectors, matrices or batches of matrices, with batch dimensions broadcast."""
    a, b = x.ndim, y.ndim
    if a == 2 and b == 2:
        return mm(x, y)
    if a > 1 and b > 1 and type(x) is type(y) is np.ndarray:
        return matrix_product(x, y)
    if a == 0 or b == 0:
        raise ShapeError(f"both arguments to matmul need to be at least 1D, but they are {a}D and {b}D")
    if a == 1 and b == 1:
        return dot(x, y)
    if a == 2 and b == 1:
        return mv(x, y)
    if a == 1 and b == 2:
        return squeeze_in_place(mm(rearrange.unsqueeze(x, 0), y), 0)
    return _folded(x, y) if _should_fold(x, y) else _batched(x, y)


@composite("Tensor.__rmatmul__", "(input: Tensor, other: Tensor)")
def rmatmul(x: Any, y: Any) -> Any:
    """Return y @ x."""
    return matmul(y, x)


def _should_fold(x: Any, y: Any) -> bool:
    """Return whether the larger tensor becomes one matrix, so that no batch is multiplied."""
    small, large = (y, x) if x.ndim >= y.ndim else (x, y)
    if not (large.ndim >= 3 and small.ndim <= 2):
        return False
    if getattr(small, "requires_grad", False):
        return True
    if x.ndim == 2:
        return False
    data = views.layout_of(large)
    if data is None or data.size == 0:
        return True
    if large is y:
        data = data.swapaxes(-1, -2)
    return all(data.strides[i] == data.strides[i + 1] * data.shape[i + 1] for i in range(data.ndim - 2))


def _folded(x: Any, y: Any) -> Any:
    swapped = y.ndim > x.ndim
    large, small = (rearrange.transpose(y, -2, -1), rearrange.t(x) if x.ndim == 2 else x) if swapped else (x, y)
    rows = large.shape[:-1]
    matrix = rearrange.reshape(large, (_count(rows), large.shape[-1]))
    if small.ndim == 1:
        return views._unsafe_view(mv(matrix, small), rows)
    product = views._unsafe_view(mm(matrix, small), (*rows, small.shape[1]))
    return rearrange.contiguous(rearrange.transpose(product, -2, -1)) if swapped else product


def _batched(x: Any, y: Any) -> Any:
    batch_x, batch_y = x.shape[:-2], y.shape[:-2]
    if x.ndim == y.ndim == 3 and batch_x != batch_y:
        if batch_x == (1,) and getattr(x, "requires_grad", False):
            return matmul(rearrange.squeeze_dim(x, 0), y)
        if batch_y == (1,) and getattr(y, "requires_grad", False):
            return matmul(x, rearrange.squeeze_dim(y, 0))
    batch = broadcast_shapes(batch_x, batch_y)
    count, n = _count(batch), x.shape[-2] if x.ndim > 1 else 1
    left = rearrange.reshape(rearrange.expand(x, (*batch, n, x.shape[-1])), (count, n, x.shape[-1]))
    if y.ndim == 1:
        right = rearrange.unsqueeze(rearrange.reshape(rearrange.expand(y, (*batch, *y.shape)), (count, *y.shape)), 2)
        return views._unsafe_view(rearrange.squeeze_dim(bmm(left, right), -1), (*batch, n))
    right = rearrange.reshape(rearrange.expand(y, (*batch, *y.shape[-2:])), (count, *y.shape[-2:]))
    return views._unsafe_view(bmm(left, right), (*batch, *x.shape[-2:-1], y.shape[-1]))


def _count(shape: Shape) -> int:
    count = 1
    for n in shape:
        count *= n
    return count


LINEAR = "(input: Tensor, weight: Tensor, bias: Tensor?=None)"


@composite("nn.functional", LINEAR, latex=r"x W^\top + b", samples=lambda: [
    sample(real(3), real(2, 3), real(2)), sample(real(4, 3), real(2, 3), real(2)),
    sample(real(2, 4, 3), real(2, 3), real(2)),
    sample(real(2, 4, 3), real(2, 3)),
])  # fmt: skip
def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """Return x @ weight.T + bias."""
    if x.ndim == 0 or weight.ndim == 0:
        raise ShapeError(f"both arguments to linear need to be at least 1D, but they are {x.ndim}D and {weight.ndim}D")
    if bias is not None and x.ndim == 2:
        return addmm(bias, x, rearrange.t(weight))
    if bias is not None and bias.ndim == 1 and views.is_contiguous(x):
        rows = x.shape[:-1]
        product = addmm(bias, rearrange.reshape(x, (_count(rows), x.shape[-1])), rearrange.t(weight))
        return rearrange.view(product, (*rows, product.shape[1]))
    product = matmul(x, rearrange.t(weight))
    return product if bias is None else product + bias


@composite("torch Tensor", "(input: Tensor, vec2: Tensor)", samples=lambda: [sample(real(2), real(3))])
def outer(x: Any, y: Any) -> Any:
    """Return the products of all elements of one vector with all of another."""
    for name, v in (("self", x), ("vec2", y)):
        if v.ndim != 1:
            raise ShapeError(f"outer: Expected 1-D argument {name}, but got {v.ndim}-D")
    return rearrange.reshape(x, (x.shape[0], 1)) * y


@composite("torch Tensor", "(input: Tensor, vec2: Tensor)")
def ger(x: Any, y: Any) -> Any:
    """Return `outer` of two vectors."""
    return outer(x, y)
