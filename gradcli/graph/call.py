"""Calls: what the target of an Apply does with the values of its arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from gradcli.autograd import tensor as tensors
from gradcli.autograd.tensor import Tensor
from gradcli.errors import BindError, DtypeError
from gradcli.ops import operators, registry
from gradcli.ops._op import Op
from gradcli.types.dtype import BY_NAME


def call_target(target: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Apply an op, operator, method, attribute or builtin; arrays that come back become tensors."""
    key = registry.call_key(target, args, kwargs) if kwargs else (target, *map(type, args))
    known = _known.get(key, _NEW)
    if known is not None and known is not _NEW:
        op, binding = known
        try:
            values = binding.values(args, kwargs) if kwargs or binding.defaults else args
            if op is None:
                return wrapped(binding.results(binding.overload.target(*values)))
            result = tensors.apply(op, values)
            return result if type(result) is Tensor else binding.results(result)
        except (BindError, DtypeError):
            pass  # it is said again below, in the words of operators or methods
    handler, name = _handler(target)
    result = wrapped(registry.call(target, args, kwargs) if handler is None else handler(name, args, kwargs))
    if known is _NEW:
        _known[key] = _binding(target, args, kwargs)
    return result


_NEW: Any = object()
_known: dict[tuple[Any, ...], tuple[Op | None, registry.Binding] | None] = {}
"""How calls are made whose target and types alone say it: the op that all leads to, if any, and what it is bound to."""


def _binding(target: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Op | None, registry.Binding] | None:
    """Return how calls of a target with a Tensor in front are made, or None where their values have a say."""
    qualified = _op_of_tensor(target) if args and type(args[0]) is Tensor else None
    binding = registry.binding(qualified, args, kwargs) if qualified else None
    if binding is None:
        return None
    op = binding.overload.target
    if not isinstance(op, Op) or len(op.params) != len(args) + len(binding.rest):
        return None, binding
    return op, binding


def _op_of_tensor(target: str) -> str | None:
    """Return the qualified op that a target is where a Tensor stands in front; None where it is no op, or not always."""
    space, _, name = target.partition(".")
    if space == "operator":
        return operators.PUBLIC.get(name)
    if space == "method":
        return None if name in _METHODS else registry.find_method(name)
    if space == "attr":
        return None if name in _ATTRIBUTES else registry.find_attribute(name)
    return None if space == "builtin" else target


@cache
def _handler(target: str) -> tuple[Callable[..., Any] | None, str]:
    """Return what handles the space of a target (None: the registry), and the name in that space."""
    space, _, name = target.partition(".")
    return _SPACES.get(space), name


def wrapped(value: Any) -> Any:
    """Return arrays as tensors, also in tuples; numbers and tensors stay."""
    if type(value) is Tensor:
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return Tensor(value)
    if type(value) in (tuple, list, registry.Results) and any(isinstance(v, (np.ndarray, np.generic)) for v in value):
        items = [wrapped(item) for item in value]
        return registry.Results(items, value.names) if isinstance(value, registry.Results) else tuple(items)
    return value


def _method(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    receiver, *rest = args
    if not operators.is_tensor(receiver):
        raise BindError(f"'{type(receiver).__name__}' object has no method '{name}'; it is no tensor", code="GC209")
    if name in _METHODS:
        return _METHODS[name](receiver, *rest, **kwargs)
    qualified = registry.find_method(name)
    if qualified is None:
        raise BindError(f"'Tensor' object has no attribute '{name}'", code="GC202")
    return registry.call(qualified, args, kwargs)


def _attribute(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    receiver = args[0]
    if isinstance(receiver, registry.Results) and name in receiver.names:
        return receiver[receiver.names.index(name)]
    if not operators.is_tensor(receiver):
        raise BindError(f"'{type(receiver).__name__}' object has no attribute '{name}'", code="GC209")
    if name in _ATTRIBUTES:
        return _ATTRIBUTES[name](receiver)
    qualified = registry.find_attribute(name)
    if qualified is None:
        raise BindError(f"'Tensor' object has no attribute '{name}'", code="GC202")
    return registry.call(qualified, args, {})


def _builtin(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Apply a builtin; what is named for a dtype converts a tensor to it, as the op of that name does."""
    if args and operators.is_tensor(args[0]) and name in ("int", "float", "bool"):
        return registry.call(f"Tensor.{name}", args, kwargs)
    values = [a.item() if operators.is_tensor(a) and name not in ("zip", "len") else a for a in args]
    try:
        return _BUILTINS[name](*values, **kwargs)
    except (TypeError, ValueError) as error:
        raise BindError(f"{name}(): {error}") from None


def _zip(*sources: Any) -> list[tuple[Any, ...]]:
    from gradcli.graph.evaluate import rows

    return list(zip(*map(rows, sources), strict=False))


def _size(x: Any, dim: int | None = None) -> Any:
    if dim is None:
        return x.shape
    from gradcli.ops._families import normalize_dim

    return x.shape[normalize_dim(dim, x.ndim)]


def _numel(x: Any) -> int:
    count = 1
    for n in x.shape:
        count *= n
    return count


def _dtype(x: Any) -> Any:
    return BY_NAME[str(x.dtype)]


_METHODS: dict[str, Callable[..., Any]] = {
    "size": _size, "dim": lambda x: x.ndim, "ndimension": lambda x: x.ndim, "numel": _numel, "nelement": _numel,
    "item": lambda x: x.item(), "tolist": lambda x: x.tolist(), "element_size": lambda x: x.dtype.itemsize,
    "is_floating_point": lambda x: _dtype(x).category == "float", "is_complex": lambda x: _dtype(x).category == "complex",
    "stride": lambda x, dim=None: _stride(x, dim), "is_contiguous": lambda x: bool(np.asarray(x.data).flags.c_contiguous),
}  # fmt: skip
_ATTRIBUTES: dict[str, Callable[[Any], Any]] = {
    "shape": lambda x: x.shape, "ndim": lambda x: x.ndim, "dtype": _dtype, "requires_grad": lambda x: x.requires_grad,
    "is_leaf": lambda x: x.is_leaf, "itemsize": lambda x: x.dtype.itemsize, "grad": lambda x: x.gradient,
}  # fmt: skip
_BUILTINS: dict[str, Callable[..., Any]] = {
    "range": range, "zip": _zip, "len": len, "int": int, "float": float, "bool": bool,
}  # fmt: skip


def _stride(x: Any, dim: int | None) -> Any:
    strides = tuple(s // x.data.itemsize for s in x.data.strides)
    return strides if dim is None else strides[dim]


_SPACES: dict[str, Callable[[str, Sequence[Any], Mapping[str, Any]], Any]] = {
    "operator": lambda name, args, kwargs: operators.apply(name, args),
    "method": _method,
    "attr": _attribute,
    "builtin": _builtin,
}
