"""Convolution: weighted sums over sliding windows, and their transposes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from gradcli.errors import ShapeError
from gradcli.ops import arithmetic, parts, rearrange
from gradcli.ops._convolution_rules import batch_text, convolution_shape, expanded
from gradcli.ops._correlation import correlate, correlate_input, correlate_weight
from gradcli.ops._families import Shape
from gradcli.ops._layout import formatted
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import ErrorSample, real, sample

Sizes = Sequence[int]
NOTHING = np.zeros(0)


def _settings(w: Any, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> tuple[Shape, Shape, Shape, int]:
    """Return stride, padding and dilation with one number per dimension, and the groups."""
    dims = w.ndim - 2
    return (
        expanded("stride", stride, dims),
        expanded("padding", padding, dims),
        expanded("dilation", dilation, dims),
        groups,
    )


def _wide(x: Any) -> Any:
    """Return half precision as single, in which it is computed."""
    return x.astype(np.float32) if x is not None and x.dtype == np.float16 else x


def _convolution(
    x: Any, w: Any, bias: Any, stride: Sizes, padding: Sizes, dilation: Sizes, transposed: bool,
    output_padding: Sizes, groups: int
) -> Any:  # fmt: skip
    shape = convolution_shape(x, w, bias, stride, padding, dilation, transposed, output_padding, groups)
    settings = _settings(w, stride, padding, dilation, groups)
    if not transposed:
        out = correlate(_wide(x), _wide(w), *settings, _wide(bias))
    else:
        out = correlate_input(_wide(x), _wide(w), shape[2:], *settings)
        if bias is not None:
            out += bias.reshape(-1, *(1,) * (w.ndim - 2))
    return formatted(out.astype(x.dtype, copy=False), x, w)


def _convolution_backward(
    dy: Any, x: Any, w: Any, stride: Sizes, padding: Sizes, dilation: Sizes, transposed: bool, output_padding: Sizes,
    groups: int, mask: tuple[bool, bool, bool],
) -> tuple[Any, Any, Any]:  # fmt: skip
    settings = _settings(w, stride, padding, dilation, groups)
    g, kind = _wide(dy), dy.dtype
    dx = dw = db = NOTHING
    if mask[0]:
        dx = (
            _within(correlate(g, _wide(w), *settings), x)
            if transposed
            else correlate_input(g, _wide(w), x.shape[2:], *settings)
        )
    if mask[1]:
        dw = correlate_weight(*((_wide(x), g) if transposed else (g, _wide(x))), w.shape, *settings)
    if mask[2]:
        places = prod(g.shape[2:])
        db = (g.reshape(*g.shape[:2], places) @ np.ones(places, g.dtype)).sum(0)
    return dx.astype(kind, copy=False), dw.astype(kind, copy=False), db.astype(kind, copy=False)


def _within(dx: Any, x: Any) -> Any:
    """Return the windows that x has: output padding beyond the stride makes room for more."""
    return np.ascontiguousarray(dx[tuple(map(slice, x.shape))])


def _chosen(values: Sequence[Any], mask: Sequence[bool]) -> tuple[Any, ...]:
    return tuple(value if wanted else None for value, wanted in zip(values, mask, strict=True))


def _slopes(
    g: Any, x: Any, w: Any, stride: Sizes, padding: Sizes, dilation: Sizes, transposed: bool, output_padding: Sizes,
    groups: int, needs: tuple[bool, ...],
) -> tuple[Any, ...]:  # fmt: skip
    return _chosen(
        convolution_backward(g, x, w, stride, padding, dilation, transposed, output_padding, groups, tuple(needs)),
        needs,
    )


def _second_slopes(
    g: Any, dy: Any, x: Any, w: Any, stride: Sizes, padding: Sizes, dilation: Sizes, transposed: bool,
    output_padding: Sizes,
    groups: int, needs: tuple[bool, ...],
) -> tuple[Any, ...]:  # fmt: skip
    """Return the cotangents of dy, x and w: a convolution's slope is linear in dy and in the other factor."""
    settings = (stride, padding, dilation, transposed, output_padding, groups)
    gx, gw, gb = g
    to_dy = to_x = to_w = None
    if needs[0]:
        terms = [convolution(gx, w, None, *settings)] if gx is not None else []
        terms += [convolution(x, gw, None, *settings)] if gw is not None else []
        terms += (
            [rearrange.expand(rearrange.reshape(gb, (-1, *(1,) * (x.ndim - 2))), dy.shape)] if gb is not None else []
        )
        to_dy = (
            terms[0] if len(terms) == 1 else terms[0] + terms[1] if len(terms) == 2 else terms[0] + terms[1] + terms[2]
        )
    if needs[1] and gw is not None:
        to_x = convolution_backward(dy, x, gw, *settings, (True, False, False))[0]
    if needs[2] and gx is not None:
        to_w = convolution_backward(dy, gx, w, *settings, (False, True, False))[1]
    return to_dy, to_x, to_w


SETTINGS = "stride: int[], padding: int[], dilation: int[], transposed: bool, output_padding: int[], groups: int"
convolution = op(
    "convolution",
    lambda x, w, b, stride, padding, dilation, transposed, output_padding, groups: _convolution(
        x, w, b, stride, padding, dilation, transposed, output_padding, groups
    ),
    names="torch", signature=f"(input: Tensor, weight: Tensor, bias: Tensor?, {SETTINGS})", shape=convolution_shape,
    latex=r"\sum_k w_k\, x_{s i + d k - p} + b",
    vjp={
        "x, w, b": lambda g, x, w, stride, padding, dilation, transposed, output_padding, groups, needs: _slopes(
            g, x, w, stride, padding, dilation, transposed, output_padding, groups, needs
        )
    },
    samples=lambda: [
        sample(real(2, 2, 5, 5), real(3, 2, 3, 2), real(3), (2,), (1,), (1,), False, (0,), 1),
        sample(real(1, 4, 4), real(4, 1, 3), None, (1,), (2,), (2,), False, (0,), 4),
        sample(real(1, 2, 3, 3), real(2, 2, 2, 2), real(2), (2,), (1,), (1,), True, (1,), 1),
    ],
)  # fmt: skip
convolution_backward = op(
    "convolution_backward",
    lambda dy, x, w, stride, padding, dilation, transposed, output_padding, groups, mask: _convolution_backward(
        dy, x, w, stride, padding, dilation, transposed, output_padding, groups, mask
    ),
    names="", signature=f"(grad_output: Tensor, input: Tensor, weight: Tensor, {SETTINGS}, output_mask: any)",
    outputs=("grad_input", "grad_weight", "grad_bias"), shape=lambda dy, x, w, *_: (x.shape, w.shape, (dy.shape[1],)),
    vjp={
        "dy, x, w": lambda g, dy, x, w, stride, padding, dilation, transposed, output_padding, groups,
        needs: _second_slopes(
            g, dy, x, w, stride, padding, dilation, transposed, output_padding, groups, needs
        )
    },
)  # fmt: skip


def _over_parts(
    x: Any, w: Any, bias: Any, stride: Sizes, padding: Sizes, dilation: Sizes, transposed: bool,
    output_padding: Sizes, groups: int
) -> Any:  # fmt: skip
    """Return the convolution of complex tensors by three of real ones, as PyTorch computes it."""
    settings = (stride, padding, dilation, transposed, output_padding, groups)
    xs, ws = _both_parts(x), _both_parts(w)
    bs = (None, None) if bias is None else _both_parts(bias)
    both = None if bias is None else bs[0] + bs[1]
    a = convolution(xs[0], ws[0], bs[0], *settings)
    b = convolution(xs[1], ws[1], None, *settings)
    c = convolution(xs[0] + xs[1], ws[0] + ws[1], both, *settings)
    return (a - b) + arithmetic.mul_scalar(c - a - b, 1j)


def _both_parts(x: Any) -> tuple[Any, Any]:
    pair = parts.view_as_real(x)
    return rearrange.select(pair, pair.ndim - 1, 0), rearrange.select(pair, pair.ndim - 1, 1)


def convolve(
    x: Any, w: Any, bias: Any, stride: Sizes, padding: Sizes, dilation: Sizes, transposed: bool,
    output_padding: Sizes, groups: int
) -> Any:  # fmt: skip
    """Return the convolution of a batch, real or complex."""
    is_complex = dtype_name(x).startswith("complex") and dtype_name(w) == dtype_name(x)
    function = _over_parts if is_complex else convolution
    return function(x, w, bias, stride, padding, dilation, transposed, output_padding, groups)


def _batched(name: str, x: Any, dims: int, function: Callable[[Any], Any]) -> Any:
    """Apply a function of a batch to a batch, or to one item without its dimension."""
    if x.ndim == dims + 1:
        return rearrange.squeeze_dim(function(rearrange.unsqueeze(x, 0)), 0)
    if x.ndim != dims + 2:
        raise ShapeError(batch_text(name, x, dims))
    return function(x)


def _samples(dims: int) -> Any:
    """Return the calls of conv1d, conv2d or conv3d."""
    x, w = (1, 2) + (4,) * dims, (3, 2) + (3,) * dims
    few = (1, 2) + (2,) * dims
    return lambda: [
        sample(real(*x), real(*w), real(3), 1, 1), sample(real(*x[1:]), real(*w), stride=2, padding=1),
        ErrorSample((real(1, 3, *x[2:]), real(*w)), "to have 2 channels, but got 3 channels instead"),
        ErrorSample((real(*few), real(*w)), "Kernel size can't be greater than actual input size"),
    ]  # fmt: skip


def _numbers(name: str, dims: int, value: int) -> str:
    """Return a parameter that takes one int for all dimensions."""
    return f"{name}: int[{dims}]={(value,) * dims}"


def _forward(dims: int) -> Callable[..., Any]:
    name = f"conv{dims}d"
    one = (1,) * dims

    def numbers(
        x: Any, w: Any, bias: Any = None, stride: Sizes = one, padding: Sizes = (0,) * dims, dilation: Sizes = one,
        groups: int = 1
    ) -> Any:  # fmt: skip
        """Return the convolution of x with the weight: Σ over the window of w · x, plus the bias."""
        return _batched(name, x, dims, lambda x: convolve(x, w, bias, stride, padding, dilation, False, (0,), groups))

    def words(
        x: Any, w: Any, bias: Any = None, stride: Sizes = one, padding: str = "valid", dilation: Sizes = one,
        groups: int = 1
    ) -> Any:  # fmt: skip
        """Return the convolution with padding 'valid' (none) or 'same' (so that the result has the input's sizes)."""
        if padding == "same":
            return _batched(name, x, dims, lambda x: _same_sizes(x, w, bias, stride, dilation, groups))
        if padding != "valid":
            raise ShapeError(f"Invalid padding string: '{padding}'")
        return numbers(x, w, bias, stride, (0,) * dims, dilation, groups)

    rest = f"{_numbers('dilation', dims, 1)}, groups: int=1)"
    first = f"(input: Tensor, weight: Tensor, bias: Tensor?=None, {_numbers('stride', dims, 1)}"
    composite(
        "nn.functional torch", f"{first}, {_numbers('padding', dims, 0)}, {rest}", name=name, samples=_samples(dims)
    )(numbers)
    composite(
        "nn.functional torch", f"{first}, padding: str='valid', {rest}", name=name,
        samples=lambda: [sample(real(1, 2, *(4,) * dims), real(3, 2, *(2,) * dims), padding="same")],
    )(words)  # fmt: skip
    return numbers


def _same_sizes(x: Any, w: Any, bias: Any, stride: Sizes, dilation: Sizes, groups: int) -> Any:
    """Return the convolution whose padding keeps the sizes; where it is odd the end gets one more."""
    dims = w.ndim - 2
    if any(s != 1 for s in expanded("stride", stride, dims)):
        raise ShapeError("padding='same' is not supported for strided convolutions")
    total = [d * (k - 1) for d, k in zip(expanded("dilation", dilation, dims), w.shape[2:], strict=True)]
    if any(n % 2 for n in total):
        x = rearrange.constant_pad_nd(x, tuple(side for n in reversed(total) for side in (0, n % 2)), 0)
    return convolve(x, w, bias, stride, tuple(n // 2 for n in total), dilation, False, (0,), groups)


def _transposed(dims: int) -> Callable[..., Any]:
    name = f"conv_transpose{dims}d"
    one, none = (1,) * dims, (0,) * dims

    def function(
        x: Any, w: Any, bias: Any = None, stride: Sizes = one, padding: Sizes = none, output_padding: Sizes = none,
        groups: int = 1,
        dilation: Sizes = one,
    ) -> Any:  # fmt: skip
        """Return the transposed convolution: the gradient of a convolution with respect to its input, as a function."""
        return _batched(
            name, x, dims, lambda x: convolve(x, w, bias, stride, padding, dilation, True, output_padding, groups)
        )

    sizes = (("stride", 1), ("padding", 0), ("output_padding", 0))
    text = ", ".join(_numbers(key, dims, value) for key, value in sizes)
    composite(
        "nn.functional torch",
        f"(input: Tensor, weight: Tensor, bias: Tensor?=None, {text}, groups: int=1, {_numbers('dilation', dims, 1)})",
        name=name,
        samples=lambda: [
            sample(real(1, 2, *(3,) * dims), real(2, 3, *(2,) * dims), real(3), 2, 1, 1),
            ErrorSample((real(1, 3, *(3,) * dims), real(2, 3, *(2,) * dims)),
            "to have 2 channels, but got 3 channels instead"),
        ],
    )(function)  # fmt: skip
    return function


conv1d, conv2d, conv3d = _forward(1), _forward(2), _forward(3)
conv_transpose1d, conv_transpose2d, conv_transpose3d = _transposed(1), _transposed(2), _transposed(3)


def _time_first_shape(x: Any, w: Any, b: Any, pad: int = 0) -> Shape:
    """Return the shape of a convolution of (time, batch, channels); raise PyTorch's error where it does not fit."""
    if x.ndim != 3:
        raise ShapeError("Input must have 3 dims: time, batch, in_channel")
    if w.ndim != 3:
        raise ShapeError("Weight tensor must have 3 dims: kernel_width, in_channels, out_channels.")
    if b.ndim != 1:
        raise ShapeError("Bias must be 1-D")
    if x.shape[2] != w.shape[1]:
        raise ShapeError("Input dim 2 (input channels) is not == dim 1 in the weight tensor")
    if w.shape[2] != b.shape[0]:
        raise ShapeError("Bias size must equal dim 2 in the weight tensor (output channels).")
    return (max(x.shape[0] + 2 * pad - w.shape[0] + 1, 0), x.shape[1], w.shape[2])


def _time_first(x: Any, w: Any, b: Any, pad: int = 0) -> Any:
    shape = _time_first_shape(x, w, b, pad)
    if 0 in shape:
        return np.zeros(shape, x.dtype)
    out = correlate(_wide(x).transpose(1, 2, 0), _wide(w).transpose(2, 1, 0), (1,), (pad,), (1,), 1)
    return np.ascontiguousarray(out.transpose(2, 0, 1) + b).astype(x.dtype, copy=False)


def _time_first_slopes(g: Any, x: Any, w: Any, pad: int, needs: tuple[bool, ...]) -> tuple[Any, ...]:
    """Return the cotangents of input, weight and bias, by those of the convolution whose channels come second."""
    inner = tuple(rearrange.permute(value, dims) for value, dims in ((g, (1, 2, 0)), (x, (1, 2, 0)), (w, (2, 1, 0))))
    dx, dw, db = _slopes(*inner, (1,), (pad,), (1,), False, (0,), 1, needs)
    return (
        rearrange.permute(dx, (2, 0, 1)) if needs[0] else None, rearrange.permute(dw, (2, 1,
        0)) if needs[1] else None, db
    )  # fmt: skip


conv_tbc = op(
    "conv_tbc", lambda x, w, b, pad=0: _time_first(x, w, b, pad), names="torch nn.functional", shape=_time_first_shape,
    signature="(input: Tensor, weight: Tensor, bias: Tensor, pad: int=0)",
    vjp={"x, w, b": lambda g, x, w, pad, needs: _time_first_slopes(g, x, w, pad, needs)},
    samples=lambda: [
        sample(real(5, 2, 3), real(2, 3, 4), real(4), 1), ErrorSample((real(5, 2, 3), real(2, 4, 4), real(4)),
        "input channels"),
    ],
)  # fmt: skip
