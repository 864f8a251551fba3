"""Generator: PyTorch's own CPU random numbers.

Every method draws from the stream, and leaves it, exactly as PyTorch 2.13 does, so that any sequence of calls agrees.
Methods named `…_like` and the masks of dropout take an array for its shape, dtype and memory order: PyTorch fills a
transposed tensor in the order in which it lies in memory. Source: PyTorch's
`aten/src/ATen/native/cpu/DistributionTemplates.h`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from gradcli.errors import ShapeError
from gradcli.ops import _random_rules as rules
from gradcli.ops._box_muller import normal_blocks, normal_pairs
from gradcli.ops._layout import filled_like, memory_order
from gradcli.ops._mt19937 import Stream
from gradcli.types.dtype import is_complex, real_of

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

Array: TypeAlias = "NDArray[Any]"

_WIDE_RANGE = 1 << 28
"""From this range on `randint` takes 64 bits for a number, so that the remainder is nearly uniform."""

_ALPHA = 1.7580993408473766
"""The negative saturation of SELU, to which alpha dropout drops."""


class Generator:
    """A random generator in the state of `torch.manual_seed(seed)`.

    Example: `Generator(0).randn((5, 3))[0]` is `[1.5410, -0.2934, -2.1788]`.
    """

    __slots__ = ("_cached_normal", "_stream")

    def __init__(self, seed: int = 0) -> None:
        self._stream = Stream(int(seed))
        self._cached_normal: float | None = None

    def rand(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> Array:
        """Return uniform numbers in [0, 1), as `torch.rand`."""
        return self.uniform(0.0, 1.0, shape, dtype)

    def rand_like(self, x: Array, dtype: DTypeLike | None = None) -> Array:
        """Return `rand` of an array's shape, dtype and memory order."""
        return filled_like(x, dtype, lambda shape, name: self.uniform(0.0, 1.0, shape, name))

    def uniform(self, low: float, high: float, shape: Sequence[int], dtype: DTypeLike | None = None) -> Array:
        """Return uniform numbers in [low, high), as `Tensor.uniform_`."""
        name = rules.floating(dtype, "check_uniform_bounds")
        rules.check_uniform(low, high)
        return _complex_or_real(rules.sizes(shape), name, lambda count, real: self._uniform(low, high, count, real))

    def randn(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> Array:
        """Return standard normal numbers, as `torch.randn`; the variance of complex ones is 1 too."""
        return self._normal(0.0, 1.0, rules.sizes(shape), rules.floating(dtype, "normal_kernel_cpu"))

    def randn_like(self, x: Array, dtype: DTypeLike | None = None) -> Array:
        """Return `randn` of an array's shape, dtype and memory order."""
        name = rules.floating(x.dtype if dtype is None else dtype, "normal_kernel_cpu")
        in_blocks = memory_order(x) is None
        return filled_like(x, name, lambda shape, name: self._normal(0.0, 1.0, shape, name, in_blocks=in_blocks))

    def normal(
        self, mean: Any = 0.0, std: Any = 1.0, shape: Sequence[int] | None = None, dtype: DTypeLike | None = None
    ) -> Array:
        """Return normal numbers, as `torch.normal`: of a shape, or one for each element of `mean` and `std`.

        Either may be an array; the result has the dtype of `mean`, or of `std` where only that is an array.
        """
        rules.check_std(std)
        if shape is not None:
            return self._normal(mean, std, rules.sizes(shape), rules.floating(dtype, "normal_kernel_cpu"))
        if isinstance(std, np.ndarray | np.generic):
            return self._normal_std(mean, np.asarray(std))
        name = rules.floating(mean.dtype, "normal_kernel_cpu")
        return np.asarray(self._normal(0.0, std, mean.shape, name) + mean)

    def randint(self, low: int, high: int, shape: Sequence[int], dtype: DTypeLike = "int64") -> Array:
        """Return integers in [low, high), as `torch.randint`, in any dtype that is not complex."""
        name = np.dtype(dtype).name
        low, high = rules.integer_range(low, high, name)
        sizes = rules.sizes(shape)
        count, width = math.prod(sizes), high - low
        words = self._stream.words64(count) if width >= _WIDE_RANGE else self._stream.words(count).astype(np.uint64)
        values = (words % np.uint64(width) + np.uint64(low % 2**64)).view(np.int64)
        return _rounded(values, name).reshape(sizes)

    def randint_like(self, x: Array, low: int, high: int, dtype: DTypeLike | None = None) -> Array:
        """Return `randint` of an array's shape, dtype and memory order."""
        return filled_like(x, dtype, lambda shape, name: self.randint(low, high, shape, name))

    def randperm(self, n: int, dtype: DTypeLike = "int64") -> Array:
        """Return a random order of the integers below n, as `torch.randperm`."""
        name = np.dtype(dtype).name
        rules.check_permutation(n, name)
        steps = max(n - 1, 0)
        words = self._stream.words(steps).astype(np.uint64) if n < (2**32 - 1) // 20 else self._stream.words64(steps)
        jumps = words % np.arange(n, 1, -1, dtype=np.uint64)
        order = list(range(n))
        for at, jump in enumerate(jumps.tolist()):
            order[at], order[at + jump] = order[at + jump], order[at]
        return _rounded(np.array(order, np.int64), name)

    def bernoulli(self, x: Array, p: float | None = None) -> Array:
        """Return ones with probability x, as `torch.bernoulli(x)`, or with probability p in x's shape and dtype."""
        if p is not None:
            return self._bernoulli(x.shape, x.dtype, p)
        name = x.dtype.name
        if is_complex(name):
            raise rules.not_implemented("bernoulli_tensor_cpu_self_", name)
        rules.floating(name, "bernoulli_tensor_cpu_p_")
        rules.check_probabilities(x)
        draw = self._stream.doubles if name == "float64" else self._stream.floats
        return (draw(x.size).reshape(x.shape) < x).astype(x.dtype)

    def dropout_mask(self, x: Array, p: float) -> Array:
        """Return what `F.dropout` multiplies x by: zero with probability p, else 1 / (1 - p)."""
        return self._scaled_mask(x, p)

    def feature_dropout_mask(self, x: Array, p: float) -> Array:
        """Return what `F.dropout1d`, `2d` and `3d` multiply a batch x by: one number for each sample and channel."""
        return self._scaled_mask(_features(x), p)

    def alpha_dropout_mask(self, x: Array, p: float) -> tuple[Array, Array]:
        """Return the factor and the shift that `F.alpha_dropout` applies to x, for 0 < p < 1."""
        kept = self._mask(x, p)
        a = 1.0 / math.sqrt((_ALPHA * _ALPHA * p + 1) * (1 - p))
        number = kept.dtype.type
        return _scaled(kept, a), _scaled(kept - number(1), _ALPHA * a) + number(_ALPHA * a * p)

    def feature_alpha_dropout_mask(self, x: Array, p: float) -> tuple[Array, Array]:
        """Return `alpha_dropout_mask` with one number for each sample and channel."""
        return self.alpha_dropout_mask(_features(x), p)

    def exponential(self, shape: Sequence[int], rate: float = 1.0, dtype: DTypeLike | None = None) -> Array:
        """Return exponential numbers, as `Tensor.exponential_`; Gumbel softmax adds `-exponential(shape).log()`."""
        name = rules.real_floating(dtype, "exponential_cpu")
        rules.check_rate(rate)
        sizes = rules.sizes(shape)
        return _rounded(-1.0 / rate * np.log1p(-self._stream.doubles(math.prod(sizes))), name).reshape(sizes)

    def poisson(self, rate: Array) -> Array:
        """Return Poisson numbers of the given rates, as `torch.poisson`."""
        name = rules.real_floating(rate.dtype, "poisson_cpu")
        rules.check_rates(rate)
        counts = [rules.poisson(float(each), self._double) for each in rate.ravel()]
        return _rounded(np.array(counts, np.float64), name).reshape(rate.shape)

    def multinomial(self, p: Array, count: int, replacement: bool = False) -> Array:
        """Return indices drawn with the weights p, of one distribution or one per row, as `torch.multinomial`."""
        rules.check_multinomial(p, count, replacement)
        if p.size == 0:
            return np.empty((*p.shape[:-1], count), np.int64)
        if replacement and count > 1:
            return self._with_replacement(p, count)
        with np.errstate(all="ignore"):
            scores = p / filled_like(p, p.dtype, lambda shape, name: self.exponential(shape, 1.0, name))
        if count == 1:
            return np.asarray(np.argmax(scores, axis=-1, keepdims=True))
        return np.asarray(np.argsort(-scores, axis=-1, kind="stable")[..., :count])

    def rrelu_noise(self, x: Array, lower: float, upper: float) -> Array:
        """Return what `F.rrelu` multiplies x by in training: 1, or a slope in [lower, upper) where x is at most 0."""
        noise = np.ones(x.shape, x.dtype)
        below = np.asarray(x <= 0)
        low, high = float(x.dtype.type(lower)), float(x.dtype.type(upper))
        slopes = self._stream.doubles(int(np.count_nonzero(below))) * (high - low) + low
        noise[below] = _rounded(slopes, x.dtype.name)
        return noise

    def _double(self) -> float:
        return float(self._stream.doubles(1)[0])

    def _uniform(self, low: float, high: float, count: int, name: str) -> Array:
        compute = np.dtype("float64" if name == "float64" else "float32").type
        draw = self._stream.doubles if name == "float64" else self._stream.floats
        if (low, high) == (0.0, 1.0) and name != "float16":
            return draw(count)
        start, width = compute(low), compute(high) - compute(low)
        values = _rounded(draw(count).astype(np.float64) * float(width) + float(start), name)
        scalar = np.dtype(name).type
        values[values == scalar(high)] = scalar(low)
        return values

    def _normal(self, mean: float, std: float, shape: tuple[int, ...], name: str, in_blocks: bool = True) -> Array:
        if is_complex(name):
            std = std / math.sqrt(2)
        return _complex_or_real(
            shape, name, lambda count, real: self._normal_flat(mean, std, count, real, in_blocks and count >= 16)
        )

    def _normal_flat(self, mean: float, std: float, count: int, name: str, in_blocks: bool) -> Array:
        if not in_blocks:
            return _rounded(self._serial_normal(count) * std + mean, name)
        if name == "float16":
            return self._half_normal(mean, std, count)
        draw = self._stream.doubles if name == "float64" else self._stream.floats
        values: Array = draw(count)
        normal_blocks(values, mean, std)
        if count % 16:
            values[-16:] = draw(16)
            normal_blocks(values[-16:], mean, std)
        return values

    def _half_normal(self, mean: float, std: float, count: int) -> Array:
        """Return float16 numbers, which unlike the others are drawn in whole blocks only."""
        values = self._stream.floats(-(-count // 16) * 16)
        normal_blocks(values, mean, std)
        out = np.empty(count, np.float16)
        out[: count // 16 * 16] = values[: count // 16 * 16]
        out[-16:] = values[-16:]
        return out

    def _serial_normal(self, count: int) -> NDArray[np.float64]:
        """Return normal numbers drawn one by one: they come in pairs, and the second of the last pair is kept."""
        cached = [] if self._cached_normal is None or not count else [self._cached_normal]
        uniform = self._stream.doubles((count - len(cached) + 1) // 2 * 2).reshape(-1, 2)
        values = np.concatenate([cached, normal_pairs(uniform[:, 0], uniform[:, 1])])
        if count:
            self._cached_normal = float(values[count]) if len(values) > count else None
        return values[:count]

    def _normal_std(self, mean: Any, std: Array) -> Array:
        like = mean if isinstance(mean, np.ndarray | np.generic) else std
        name = rules.floating(like.dtype, "normal_kernel_cpu")
        shape = np.broadcast_shapes(np.shape(mean), std.shape)
        scaled = self._normal(0.0, 1.0, shape, name) * (std if std.ndim else std.astype(name))
        return np.asarray(scaled.astype(name) + np.asarray(mean, name if np.ndim(mean) == 0 else None)).astype(name)

    def _bernoulli(self, shape: tuple[int, ...], dtype: DTypeLike, p: float) -> Array:
        name = np.dtype(dtype).name
        rules.check_probability(p)
        if is_complex(name):
            raise rules.not_implemented("bernoulli_scalar_cpu_", name)
        return (self._stream.doubles(math.prod(shape)) < p).astype(name).reshape(shape)

    def _mask(self, x: Array, p: float) -> Array:
        return filled_like(x, x.dtype, lambda shape, name: self._bernoulli(shape, name, 1.0 - p))

    def _scaled_mask(self, x: Array, p: float) -> Array:
        if p in (0, 1):
            return np.full((), 1 - p, x.dtype)
        mask = self._mask(x, p)
        mask /= _weak(1 - p, mask)
        return mask

    def _with_replacement(self, p: Array, count: int) -> Array:
        weights = p.astype(np.float32) if p.dtype == np.float16 else p
        steps = np.cumsum(weights, axis=-1, dtype=weights.dtype)
        steps = steps / steps[..., -1:]
        steps[..., -1] = 1
        drawn = self._stream.doubles(steps[..., 0].size * count).reshape(*p.shape[:-1], count)
        if p.ndim == 1:
            return np.searchsorted(steps.astype(np.float64), drawn)
        return np.stack([np.searchsorted(row.astype(np.float64), us) for row, us in zip(steps, drawn, strict=True)])


def _complex_or_real(shape: tuple[int, ...], name: str, draw: Callable[[int, str], Array]) -> Array:
    """Return an array of numbers drawn flat; the parts of complex ones alternate."""
    count = math.prod(shape)
    if is_complex(name):
        return draw(2 * count, real_of(name)).view(name).reshape(shape)
    return draw(count, name).reshape(shape)


def _rounded(values: Array, name: str) -> Array:
    """Return numbers in a dtype, float16 by way of float32 as PyTorch converts them."""
    return (values.astype(np.float32) if name == "float16" else values).astype(name)


def _weak(number: float, x: Array) -> Any:
    """Return a Python number as PyTorch multiplies and divides by it: float16 arrays meet it in float32."""
    return np.float32(number) if x.dtype == np.float16 else x.dtype.type(number)


def _scaled(x: Array, factor: float) -> Array:
    return np.asarray(x * _weak(factor, x)).astype(x.dtype)


def _features(x: Array) -> Array:
    """Return an array with one element for each sample and channel of x."""
    if x.ndim < 2:
        raise ShapeError("Feature dropout requires at least 2 dimensions in the input")
    return np.empty(x.shape[:2] + (1,) * (x.ndim - 2), x.dtype)


CURRENT: ContextVar[Generator | None] = ContextVar("generator", default=None)


def current() -> Generator:
    """Return the generator that ops draw from: the innermost `seeded` one, else one of seed 0."""
    generator = CURRENT.get()
    if generator is None:
        generator = Generator(0)
        CURRENT.set(generator)
    return generator


@contextmanager
def seeded(seed: int) -> Iterator[Generator]:
    """Make a fresh generator the current one while the context lasts."""
    generator = Generator(seed)
    token = CURRENT.set(generator)
    try:
        yield generator
    finally:
        CURRENT.reset(token)


@contextmanager
def using(generator: Any) -> Iterator[None]:
    """Make another object the current generator while the context lasts."""
    token = CURRENT.set(generator)
    try:
        yield
    finally:
        CURRENT.reset(token)
