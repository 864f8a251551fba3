"""A small registry of ops, so that the front end is tested without the ops themselves."""

from __future__ import annotations

from types import SimpleNamespace

from gradcli.ops._signature import parse

_UNARY = "(input: Tensor)"
_REDUCE = "(input: Tensor, dim: int[1]?=None, keepdim: bool=False, *, dtype: dtype?=None)"
SIGNATURES: dict[str, tuple[str, ...]] = {
    "nn.functional.relu": (_UNARY,),
    "nn.functional.softmax": ("(input: Tensor, dim: int, dtype: dtype?=None)",),
    "nn.functional.linear": ("(input: Tensor, weight: Tensor, bias: Tensor?=None)",),
    "nn.functional.binary_cross_entropy_with_logits": (
        "(input: Tensor, target: Tensor, weight: Tensor?=None, reduction: str='mean')",
    ),
    "torch.matmul": ("(input: Tensor, other: Tensor)",),
    "torch.softmax": ("(input: Tensor, dim: int, *, dtype: dtype?=None)",),
    "torch.sum": (_REDUCE,),
    "torch.max": (_UNARY, "(input: Tensor, dim: int, keepdim: bool=False)", "(input: Tensor, other: Tensor)"),
    "torch.abs": (_UNARY,),
    "torch.add": ("(input: Tensor, other: Tensor|Scalar, *, alpha: Scalar=1)",),
    "torch.where": ("(condition: Tensor, input: Tensor|Scalar, other: Tensor|Scalar)",),
    "torch.norm": ("(input: Tensor, p: any=2)",),
    "torch.cat": ("(tensors: Tensor[], dim: int=0)",),
    "torch.stack": ("(tensors: Tensor[], dim: int=0)",),
    "torch.einsum": ("(equation: str, *operands: Tensor[])",),
    "torch.ones": ("(*size: int[], dtype: dtype?=None)",),
    "torch.zeros": ("(*size: int[], dtype: dtype?=None)",),
    "torch.randn": ("(*size: int[], dtype: dtype?=None)",),
    "torch.ones_like": (_UNARY,),
    "torch.arange": ("(end: Scalar)",),
    "torch.eye": ("(n: int)",),
    "torch.det": (_UNARY,),
    "linalg.qr": ("(A: Tensor, mode: str='reduced')",),
    "linalg.norm": (_UNARY,),
    "special.erf": (_UNARY,),
    "autograd.grad": ("(outputs: any, inputs: any, grad_outputs: any=None, create_graph: bool=False)",),
    "Tensor.sum": (_REDUCE,),
    "Tensor.relu": (_UNARY,),
    "Tensor.norm": ("(input: Tensor, p: any=2)",),
    "Tensor.add": ("(input: Tensor, other: Tensor|Scalar)",),
    "Tensor.detach": (_UNARY,),
    "Tensor.to": ("(input: Tensor, dtype: dtype)",),
    "Tensor.reshape": ("(input: Tensor, *shape: int[])",),
    "Tensor.any": (_UNARY,),
    "Tensor.unfold": ("(input: Tensor, dimension: int, size: int, step: int)",),
}
ATTRIBUTES = {"T", "mT", "real"}


def find_bare(name: str) -> str | None:
    qualified = (f"{space}.{name}" for space in ("nn.functional", "torch", "Tensor"))
    return next((q for q in qualified if q in SIGNATURES), None)


def find_exact(dotted: str) -> str | None:
    name = dotted.removeprefix("torch.") if dotted.count(".") > 1 else dotted
    name = "nn.functional." + name[2:] if name.startswith("F.") else name
    return name if name in SIGNATURES else None


def find_method(name: str) -> str | None:
    return f"Tensor.{name}" if f"Tensor.{name}" in SIGNATURES else None


def find_attribute(name: str) -> str | None:
    return f"Tensor.{name}" if name in ATTRIBUTES else None


def result_names() -> frozenset[str]:
    return frozenset({"Q", "R", "values", "indices"})


def names() -> list[str]:
    return sorted({*SIGNATURES, *(name.rpartition(".")[2] for name in SIGNATURES)})


def overloads(qualified: str) -> list[SimpleNamespace]:
    return [SimpleNamespace(signature=parse(text)) for text in SIGNATURES[qualified]]
