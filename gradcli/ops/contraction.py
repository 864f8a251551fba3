"""Contractions: products of tensors summed over the dimensions that they share, as `einsum` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcli.errors import BindError, DtypeError, ShapeError
from gradcli.ops import arithmetic, product, rearrange, reduction, views
from gradcli.ops._families import Shape, normalize_dim
from gradcli.ops._op import composite, op
from gradcli.ops._samples import ErrorSample, real, sample

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ELLIPSIS = "..."


class Equation:
    """An einsum equation read against its operands: the labels of each, and where each label stands in the output.

    `place` maps a label to its dimension; the first `kept` dimensions are the output's, the others are summed.
    """

    __slots__ = ("covered", "ellipsis_at", "kept", "labels", "place", "total")

    def __init__(self, equation: str, shapes: Sequence[Shape]) -> None:
        left, arrow, right = equation.partition("->")
        self.labels = _operand_labels(left, len(shapes))
        counts, self.covered = self._count(shapes)
        self.place: dict[str, int] = {}
        self.ellipsis_at = 0
        has_ellipsis = True
        at = self.covered
        if arrow:
            at, has_ellipsis = self._read_output(right, left, counts)
        else:
            for label in (c for c in LETTERS if counts.get(c) == 1):
                self.place[label] = at
                at += 1
        self.kept = at
        if not has_ellipsis:
            self.ellipsis_at = at
            at += self.covered
        for label in (c for c in LETTERS if c in counts and c not in self.place):
            self.place[label] = at
            at += 1
        self.total = at

    def _count(self, shapes: Sequence[Shape]) -> tuple[dict[str, int], int]:
        """Return how often each label stands in the operands, and how many dimensions an ellipsis covers."""
        counts: dict[str, int] = {}
        covered = 0
        for number, (labels, shape) in enumerate(zip(self.labels, shapes, strict=True)):
            named = [c for c in labels if c != ELLIPSIS]
            some = len(named) < len(labels)
            if len(named) > len(shape) or (not some and len(named) < len(shape)):
                relation, rest = ("is more than", "") if some else ("does not match", " and no ellipsis was given")
                raise ShapeError(
                    f"einsum(): the number of subscripts in the equation ({len(named)}) {relation} the number of "
                    "dimensions "
                    f"({len(shape)}) for operand {number}{rest}"
                )
            if some:
                covered = max(covered, len(shape) - len(named))
            for label in named:
                counts[label] = counts.get(label, 0) + 1
        return counts, covered

    def _read_output(self, right: str, left: str, counts: dict[str, int]) -> tuple[int, bool]:
        """Give every output label its place; return how many dimensions that are and whether there is an ellipsis."""
        at, found, i = 0, False, 0
        while i < len(right):
            c = right[i]
            if c == ".":
                if found:
                    raise BindError("einsum(): found '.' for output but an ellipsis (...) was already found")
                if right[i : i + 3] != ELLIPSIS:
                    raise BindError("einsum(): found '.' for output that is not part of any ellipsis (...)")
                found, self.ellipsis_at = True, at
                at += self.covered
                i += 2
            elif c != " ":
                _check_letter(c, len(left) + 2 + i)
                if c in self.place or c not in counts:
                    why = "appears more than once in the output" if c in self.place else (
                        "does not appear in the equation for any input operand"
                    )  # fmt: skip
                    raise BindError(f"einsum(): output subscript {c} {why}")
                self.place[c] = at
                at += 1
            i += 1
        return at, found


def _check_letter(c: str, at: int) -> None:
    if c not in LETTERS:
        raise BindError(
            f"einsum(): invalid subscript given at index {at} in the equation string, subscripts must be in [a-zA-Z]"
        )


def _operand_labels(left: str, count: int) -> list[list[str]]:
    labels: list[list[str]] = [[]]
    i = 0
    while i < len(left):
        c = left[i]
        if c == ".":
            number = len(labels) - 1
            if ELLIPSIS in labels[-1]:
                raise BindError(f"einsum(): found '.' for operand {number} for which an ellipsis was already found")
            if left[i : i + 3] != ELLIPSIS:
                raise BindError(f"einsum(): found '.' for operand {number} that is not part of any ellipsis")
            labels[-1].append(ELLIPSIS)
            i += 2
        elif c == ",":
            labels.append([])
            if len(labels) > count:
                raise BindError("einsum(): fewer operands were provided than specified in the equation")
        elif c != " ":
            _check_letter(c, i)
            labels[-1].append(c)
        i += 1
    if len(labels) < count:
        raise BindError("einsum(): more operands were provided than specified in the equation")
    return labels


class Sizes:
    """The size of every dimension of an equation, and how many operands are longer than one there."""

    __slots__ = ("counts", "sizes")

    def __init__(self, total: int) -> None:
        self.sizes, self.counts = [1] * total, [0] * total

    def note(self, dim: int, size: int, error: str) -> None:
        """Take in one operand's size; raise ShapeError where it does not broadcast."""
        if size != 1:
            if self.sizes[dim] not in (1, size):
                raise ShapeError(error.format(size=size, seen=self.sizes[dim]))
            self.sizes[dim] = size
            self.counts[dim] += 1


def _align(x: Any, number: int, equation: Equation, sizes: Sizes) -> Any:
    """Return an operand with one dimension for each of the equation's, in its order."""
    labels = equation.labels[number]
    shape = x.shape
    order = [-1] * equation.total
    dim, at = 0, 0
    for label in labels:
        if label == ELLIPSIS:
            here = len(shape) - len(labels) + 1
            for k in range(equation.covered - here, equation.covered):
                error = (f"einsum(): dimension {at} covered by ellipsis in operand {number}has size {{size}} which "
                         "does not broadcast with previously seen ellipsis with size {seen} for the respective "
                         "dimension")  # fmt: skip
                sizes.note(equation.ellipsis_at + k, shape[at], error)
                at += 1
            for _ in range(equation.covered - here):
                x = rearrange.unsqueeze(x, dim)
            for k in range(equation.covered):
                order[equation.ellipsis_at + k] = dim
                dim += 1
            continue
        place = equation.place[label]
        if order[place] == -1:
            error = (f"einsum(): subscript {label} has size {{size}} for operand {number} which does not broadcast "
                     "with previously seen size {seen}")  # fmt: skip
            sizes.note(place, shape[at], error)
            order[place] = dim
            dim += 1
        else:
            before = order[place]
            if x.shape[dim] != x.shape[before]:
                raise ShapeError(
                    f"einsum(): subscript {label} is repeated for operand {number} but the sizes don't match, "
                    f"{x.shape[dim]} != {x.shape[before]}"
                )
            x = rearrange.movedim(rearrange.diagonal(x, 0, before, dim), (-1,), (before,))
        at += 1
    for place, found in enumerate(order):
        if found == -1:
            x = rearrange.unsqueeze(x, -1)
            order[place] = dim
            dim += 1
    return rearrange.permute(x, tuple(order))


def _contract(a: Any, b: Any, equation: Equation, counts: list[int]) -> Any:
    """Return the product of two aligned operands, summed over what no later operand needs."""
    both, only_a, only_b = [], [], []
    for dim in range(equation.kept, equation.total):
        long_a, long_b = a.shape[dim] != 1, b.shape[dim] != 1
        if long_a and long_b:
            counts[dim] -= 1
            if counts[dim] == 1:
                both.append(dim)
                counts[dim] = 0
        elif counts[dim] == 1 and (long_a or long_b):
            (only_a if long_a else only_b).append(dim)
            counts[dim] = 0
    if only_a:
        a = reduction.sum_(a, tuple(only_a), True)
    if only_b:
        b = reduction.sum_(b, tuple(only_b), True)
    return sum_product_pair(a, b, both)


def sum_product_pair(left: Any, right: Any, summed: Sequence[int]) -> Any:
    """Return left·right summed over these dimensions, which stay as ones: one batched matrix product."""
    if not summed:
        return arithmetic.mul(left, right)
    shared, lefts, rights = [], [], []
    for dim in range(left.ndim):
        if dim not in summed:
            long_left, long_right = left.shape[dim] != 1, right.shape[dim] != 1
            (shared if long_left and long_right else lefts if long_left else rights).append(dim)
    batch, n, m = ([left.shape[d] for d in shared], [left.shape[d] for d in lefts], [right.shape[d] for d in rights])
    k = _count([left.shape[d] for d in summed])
    a = rearrange.permute(left, (*shared, *lefts, *summed, *rights))
    b = rearrange.permute(right, (*shared, *summed, *rights, *lefts))
    a = rearrange.reshape(a, (_count(batch), _count(n), k))
    b = rearrange.reshape(b, (_count(batch), k, _count(m)))
    out = rearrange.view(product.bmm(a, b), (*batch, *n, *[1] * len(summed), *m))
    order = [*shared, *lefts, *summed, *rights]
    return rearrange.permute(out, tuple(order.index(d) for d in range(left.ndim)))


def _count(sizes: Sequence[int]) -> int:
    count = 1
    for n in sizes:
        count *= n
    return count


@composite("torch", "(equation: str, *operands: Tensor[])", latex=r"\sum \prod_i X_i", samples=lambda: [
    sample("ij,jk->ik", real(2, 3), real(3, 4)), sample("bij,bjk,k->bi", real(2, 3, 4), real(2, 4, 2), real(2)),
    sample("ii->i", real(3, 3)), sample("...i,...i->...", real(2, 3), real(2, 3)), sample("i,j", real(2), real(3)),
    ErrorSample(("ij,jk", real(2, 3), real(2, 3)), "einsum(): subscript j has size 2 for operand 1"),
])  # fmt: skip
def einsum(text: str, operands: Sequence[Any]) -> Any:
    """Return the sum over all labels of the equation that are not in its output of the product of the operands."""
    if not operands:
        raise BindError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts "
            "list"
        )
    equation = Equation(text, [x.shape for x in operands])
    sizes = Sizes(equation.total)
    aligned = [_align(x, number, equation, sizes) for number, x in enumerate(operands)]
    out = aligned[0]
    for x in aligned[1:]:
        out = _contract(out, x, equation, sizes.counts)
    if equation.total == equation.kept:
        return out
    if len(aligned) > 1:
        return rearrange.view(out, out.shape[: equation.kept])
    return reduction.sum_(out, tuple(range(equation.kept, equation.total)))


@composite("torch", "(*operands: any)", name="einsum")
def _einsum_of_lists(arguments: Sequence[Any]) -> Any:
    """Return `einsum` of operands that are each followed by a list of label numbers, and perhaps the output's list."""
    operands = list(arguments[: len(arguments) // 2 * 2 : 2])
    parts = [_subscripts(labels) for labels in arguments[1::2]]
    output = "->" + _subscripts(arguments[-1]) if len(arguments) % 2 else ""
    return einsum(",".join(parts) + output, operands)


def _subscripts(labels: Any) -> str:
    """Return label numbers as letters: 0 … 25 are A … Z, 26 … 51 a … z."""
    if not isinstance(labels, (list, tuple)):
        raise BindError("einsum(): expected a list of subscripts after every operand")
    text = ""
    for label in labels:
        if label is not Ellipsis and not (isinstance(label, int) and 0 <= label < 52):
            raise BindError(f"einsum(): expected subscript {label} to be within the valid range [0, 52)")
        text += ELLIPSIS if label is Ellipsis else LETTERS[label]
    return text


def _tensordot(x: Any, y: Any, dims_x: Sequence[int], dims_y: Sequence[int]) -> Any:
    if len(dims_x) != len(dims_y):
        raise ShapeError("both dimension lists should have same length")
    if x.dtype != y.dtype:
        raise DtypeError("both inputs should have same dtype")
    shared, a, b = 1, x, y
    for d, e in zip(dims_x, dims_y, strict=True):
        i, j = normalize_dim(d, x.ndim), normalize_dim(e, y.ndim)
        if y.shape[j] == 1:
            a = reduction.sum_(a, i, True)
        elif x.shape[i] == 1:
            b = reduction.sum_(b, j, True)
        elif x.shape[i] != y.shape[j]:
            raise ShapeError(
                f"contracted dimensions need to match, but first has size {x.shape[i]} in dim {d} and second has size "
                f"{y.shape[j]} in dim {e}"
            )
        else:
            shared *= x.shape[i]
    inner_x, inner_y = [normalize_dim(d, x.ndim) for d in dims_x], [normalize_dim(d, y.ndim) for d in dims_y]
    outer_x = [d for d in range(x.ndim) if d not in inner_x]
    outer_y = [d for d in range(y.ndim) if d not in inner_y]
    rows, columns = [a.shape[d] for d in outer_x], [b.shape[d] for d in outer_y]
    a, b = rearrange.permute(a, (*outer_x, *inner_x)), rearrange.permute(b, (*inner_y, *outer_y))
    if _count(rows) == 1 == _count(columns):
        return rearrange.reshape(_full_contraction(a, b), (*rows, *columns))
    out = product.mm(rearrange.reshape(a, (_count(rows), shared)), rearrange.reshape(b, (shared, _count(columns))))
    return rearrange.reshape(out, (*rows, *columns))


def _full_contraction(a: Any, b: Any) -> Any:
    """Return the sum of the products of two aligned tensors."""
    if views.is_contiguous(a) and views.is_contiguous(b):
        return product.dot(*(x if x.ndim == 1 else rearrange.reshape(x, (_count(x.shape),)) for x in (a, b)))
    return reduction.sum_all(rearrange.squeeze(a) * rearrange.squeeze(b))


@composite("torch", "(a: Tensor, b: Tensor, dims: any=2)", samples=lambda: [
    sample(real(2, 3, 4), real(3, 4, 2)), sample(real(2, 3), real(3, 2), ((0, 1), (1, 0))), sample(real(2), real(3), 0),
    ErrorSample((real(2, 3), real(2, 4), 1), "contracted dimensions need to match"),
])  # fmt: skip
def tensordot(x: Any, y: Any, dims: Any = 2) -> Any:
    """Return the product of two tensors, summed over the last dims of one and the first of the other, or listed."""
    if isinstance(dims, int):
        if dims < 0:
            raise ShapeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(x.ndim, y.ndim):
            raise ShapeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        return _tensordot(x, y, list(range(-dims, 0)), list(range(dims)))
    first, second = dims if not hasattr(dims, "tolist") else dims.tolist()
    return _tensordot(
        x, y, [first] if isinstance(first, int) else first, [second] if isinstance(second, int) else second
    )


@composite("torch Tensor", "(input: Tensor, other: Tensor)", samples=lambda: [
    sample(real(2, 3), real(4, 3)), sample(real(3), real(3)), sample(real(2, 3), real()),
])  # fmt: skip
def inner(x: Any, y: Any) -> Any:
    """Return the sums of products over the last dimensions of both."""
    if x.ndim == 0 or y.ndim == 0:
        return x * y
    if x.shape[-1] != y.shape[-1]:
        raise ShapeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(x.shape)} and "
            f"{list(y.shape)}"
        )
    return _tensordot(x, y, [-1], [-1])


@composite("torch Tensor", "(input: Tensor, other: Tensor)", samples=lambda: [
    sample(real(2, 3), real(2, 2)), sample(real(3), real(2, 2)), sample(real(), real(2)),
])  # fmt: skip
def kron(x: Any, y: Any) -> Any:
    """Return the Kronecker product: every element of one times the whole other tensor."""
    ndim = max(x.ndim, y.ndim)
    a, b = (1,) * (ndim - x.ndim) + x.shape, (1,) * (ndim - y.ndim) + y.shape
    left = views._unsafe_view(x, tuple(s for n in a for s in (n, 1)))
    right = views._unsafe_view(y, tuple(s for n in b for s in (1, n)))
    return views._unsafe_view(left * right, tuple(n * m for n, m in zip(a, b, strict=True)))


def _trilinear_kernel(x: Any, y: Any, z: Any, expand_x: Shape, expand_y: Shape, expand_z: Shape, summed: Shape) -> Any:
    ndim = x.ndim + len(expand_x)
    terms = ["".join(LETTERS[d] for d in range(ndim) if d not in e) for e in (expand_x, expand_y, expand_z)]
    out = "".join(LETTERS[d] for d in range(ndim) if d not in summed)
    return np.ascontiguousarray(np.einsum(f"{','.join(terms)}->{out}", x, y, z, optimize=True))


def _trilinear_rule(x: Any, y: Any, z: Any, expand_x: Shape, expand_y: Shape, expand_z: Shape, summed: Shape) -> Shape:
    sizes = {}
    ndim = x.ndim + len(expand_x)
    for t, e in ((x, expand_x), (y, expand_y), (z, expand_z)):
        sizes.update(zip((d for d in range(ndim) if d not in e), t.shape, strict=True))
    return tuple(sizes[d] for d in range(ndim) if d not in summed)


_trilinear = op(
    "_trilinear", _trilinear_kernel, names="", shape=_trilinear_rule,
    signature="(x: Tensor, y: Tensor, z: Tensor, expand_x: int[], expand_y: int[], expand_z: int[], summed: int[])",
    vjp=dict(
        x=lambda g, y, z, expand_x, expand_y, expand_z, summed: _trilinear(
            g, rearrange.conj(y), rearrange.conj(z), summed, expand_y, expand_z, expand_x),
        y=lambda g, x, z, expand_x, expand_y, expand_z, summed: _trilinear(
            rearrange.conj(x), g, rearrange.conj(z), expand_x, summed, expand_z, expand_y),
        z=lambda g, x, y, expand_x, expand_y, expand_z, summed: _trilinear(
            rearrange.conj(x), rearrange.conj(y), g, expand_x, expand_y, summed, expand_z),
    ),
)  # fmt: skip


@composite(
    "nn.functional "
    "torch", "(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor?=None)", latex=r"x_1^\top W x_2 + b",
    samples=lambda: [sample(real(2, 3), real(2, 4), real(5, 3, 4), real(5)), sample(real(3), real(4), real(2, 3, 4))],
)  # fmt: skip
def bilinear(x: Any, y: Any, weight: Any, bias: Any = None) -> Any:
    """Return x · weight[o] · y for every output o, plus the bias."""
    if x.ndim != y.ndim:
        raise ShapeError(f"bilinear(): input dimensions do not match: got {x.ndim} and {y.ndim}")
    for at, (n, m) in enumerate(zip(x.shape[:-1], y.shape[:-1], strict=True)):
        if n != m:
            raise ShapeError(f"bilinear(): input batch dimensions do not match at dim {at}: got {n} and {m}")
    for number, v in enumerate((x, y), 1):
        if v.shape[-1] != weight.shape[number]:
            raise ShapeError(
                f"bilinear(): input{number} size does not match weight size: got {v.shape[-1]} but expected "
                f"{weight.shape[number]}"
            )
    if bias is not None and bias.shape[0] != weight.shape[0]:
        raise ShapeError(
            f"bilinear(): bias size does not match weight size: got {bias.shape[0]} but expected {weight.shape[0]}"
        )
    product.no_bool("bmm", x)
    rows = _count(x.shape[:-1])
    a, b = rearrange.reshape(x, (rows, x.shape[-1])), rearrange.reshape(y, (rows, y.shape[-1]))
    out = _trilinear(a, weight, b, (1, 3), (0,), (1, 2), (2, 3))
    out = rearrange.reshape(out, (*x.shape[:-1], weight.shape[0]))
    return out if bias is None else out + bias
