"""Structured calls: ops whose inputs have a structure that no interval of numbers has, as functions of free tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcli.autograd.tensor import Tensor
from gradcli.ops import registry


def call(name: str, *args: Any, **kwargs: Any) -> Any:
    """Apply a public op by its qualified name."""
    return registry.call(name, args, kwargs)


def positive(a: Any) -> Any:
    """Return a symmetric positive definite matrix that depends on any matrix."""
    return call("torch.matmul", a, call("Tensor.mT", a)) + 3.0 * Tensor(np.eye(a.shape[-1]))


def dominant(a: Any) -> Any:
    """Return a well-conditioned matrix of distinct real eigenvalues that depends on any small matrix."""
    return 0.3 * a + Tensor(np.diag(np.arange(2.0, 2.0 + 2 * a.shape[-1], 2.0)))


def symmetric(a: Any) -> Any:
    return a + call("Tensor.mT", a)


def lower(a: Any) -> Any:
    """Return a lower triangular matrix with a dominant diagonal."""
    return call("torch.tril", dominant(a))


def factors(a: Any) -> Any:
    return call("linalg.lu_factor", dominant(a))


def log_probabilities(x: Any) -> Any:
    return call("nn.functional.log_softmax", x, 2)


def grid(x: Any) -> Any:
    """Return sampling points inside the image, away from the pixels' centres."""
    return 0.25 * call("torch.tanh", x) + 0.2


def squared(v: Any) -> Any:
    """Return what does not depend on the signs of eigenvectors."""
    return v * v


TARGETS = Tensor(np.array([[1, 2, 1], [2, 2, 3]]))
LENGTHS = (Tensor(np.array([6, 5])), Tensor(np.array([3, 2])))

STRUCTURED: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    "linalg.cholesky": (lambda a: call("linalg.cholesky", positive(a)), ((3, 3),)),
    "linalg.cholesky upper": (lambda a: call("linalg.cholesky", positive(a), upper=True), ((2, 2, 2),)),
    "linalg.cholesky_ex": (lambda a: call("linalg.cholesky_ex", positive(a))[0], ((3, 3),)),
    "torch.cholesky": (lambda a: call("torch.cholesky", positive(a)), ((3, 3),)),
    "torch.cholesky_inverse": (lambda a: call("torch.cholesky_inverse", lower(a)), ((3, 3),)),
    "torch.cholesky_solve": (lambda b, a: call("torch.cholesky_solve", b, lower(a)), ((3, 2), (3, 3))),
    "linalg.eigh values": (lambda a: call("linalg.eigh", dominant(symmetric(a)))[0], ((3, 3),)),
    "linalg.eigh vectors": (lambda a: squared(call("linalg.eigh", dominant(symmetric(a)))[1]), ((3, 3),)),
    "linalg.eigvalsh": (lambda a: call("linalg.eigvalsh", dominant(symmetric(a))), ((3, 3),)),
    "linalg.eigvals": (lambda a: call("torch.real", call("linalg.eigvals", dominant(a))), ((3, 3),)),
    "linalg.eig": (lambda a: call("torch.real", call("linalg.eig", dominant(a))[0]), ((3, 3),)),
    "linalg.lu": (lambda a: call("linalg.lu", dominant(a))[1:], ((3, 3),)),
    "linalg.lu_factor": (lambda a: factors(a)[0], ((3, 3),)),
    "linalg.lu_factor_ex": (lambda a: call("linalg.lu_factor_ex", dominant(a))[0], ((3, 3),)),
    "linalg.lu_solve": (lambda a, b: call("linalg.lu_solve", *factors(a), b), ((3, 3), (3, 2))),
    "torch.lu_solve": (lambda b, a: call("torch.lu_solve", b, *factors(a)), ((3, 2), (3, 3))),
    "torch.lu_unpack": (lambda a: call("torch.lu_unpack", *factors(a))[1:], ((3, 3),)),
    "linalg.inv_ex": (lambda a: call("linalg.inv_ex", dominant(a))[0], ((3, 3),)),
    "linalg.solve_ex": (lambda a, b: call("linalg.solve_ex", dominant(a), b)[0], ((3, 3), (3,))),
    "torch.pinverse": (lambda a: call("torch.pinverse", dominant(a)), ((3, 3),)),
    "torch.qr": (lambda a: call("torch.qr", dominant(a)), ((3, 3),)),
    "torch.svd": (lambda a: call("torch.svd", dominant(a))[1], ((3, 3),)),
    "torch.triangular_solve": (
        lambda b, a: call("torch.triangular_solve", b, lower(a), upper=False)[0],
        ((3, 2), (3, 3)),
    ),
    "torch.logdet": (lambda a: call("torch.logdet", positive(a)), ((3, 3),)),
    "torch.cross": (lambda a, b: call("torch.cross", a, b, 1), ((2, 3), (2, 3))),
    "linalg.matmul": (lambda a, b: call("linalg.matmul", a, b), ((2, 3), (3,))),
    "torch.ger": (lambda a, b: call("torch.ger", a, b), ((2,), (3,))),
    "Tensor.__rmatmul__": (lambda a, b: call("Tensor.__rmatmul__", a, b), ((3, 2), (2, 3))),
    "nn.functional.ctc_loss": (
        lambda x: call("nn.functional.ctc_loss", log_probabilities(x), TARGETS, *LENGTHS),
        ((6, 2, 4),),
    ),
    "nn.functional.grid_sample": (
        lambda x, points: call("nn.functional.grid_sample", x, grid(points), align_corners=True),
        ((1, 1, 4, 4), (1, 2, 2, 2)),
    ),
    "torch.grid_sampler_3d": (
        lambda x, points: call("torch.grid_sampler_3d", x, grid(points), 0, 0, True),
        ((1, 1, 3, 3, 3), (1, 1, 2, 2, 3)),
    ),
    "torch.adaptive_max_pool1d": (
        lambda x: call("torch.adaptive_max_pool1d", x, 2)[0],
        ((1, 2, 5),),
    ),
    "nn.functional.adaptive_max_pool1d_with_indices": (
        lambda x: call("nn.functional.adaptive_max_pool1d_with_indices", x, 2)[0], ((1, 5),),
    ),
    "nn.functional.adaptive_max_pool2d_with_indices": (
        lambda x: call("nn.functional.adaptive_max_pool2d_with_indices", x, 2)[0], ((1, 3, 3),),
    ),
    "nn.functional.adaptive_max_pool3d_with_indices": (
        lambda x: call("nn.functional.adaptive_max_pool3d_with_indices", x, 2)[0], ((1, 3, 3, 3),),
    ),
    "torch.max_pool1d_with_indices": (lambda x: call("torch.max_pool1d_with_indices", x, 2)[0], ((1, 2, 5),)),
    "torch.lu": (lambda a: call("torch.lu", dominant(a))[0], ((3, 3),)),
    "torch.ctc_loss": (
        lambda x: call("torch.ctc_loss", log_probabilities(x), TARGETS, *LENGTHS, reduction=2), ((6, 2, 4),),
    ),
    "torch.istft": (
        lambda x: call("torch.istft", call("torch.stft", x, 4, return_complex=True, window=Tensor(np.ones(4))), 4,
                       window=Tensor(np.ones(4))),
        ((12,),),
    ),
}  # fmt: skip
"""A name of the op (and what of it) → the function and the shapes of its tensors."""
