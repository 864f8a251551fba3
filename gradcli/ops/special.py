"""Special: gamma, error and Bessel functions, and the zeta function."""

from __future__ import annotations

import math
from functools import cache
from importlib.util import find_spec
from math import pi, sqrt
from typing import Any

import numpy as np

from gradcli.errors import NumericError
from gradcli.ops import arithmetic, comparison, exponential, magnitude
from gradcli.ops._families import NUMBER_FIRST, TENSORS, WITH_NUMBER, elementwise, not_implemented
from gradcli.ops._op import composite
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import positive, reals, sample, unary
from gradcli.ops._scipy import special as scipy_special

EVERYWHERE = "torch Tensor special"


@cache
def _function(name: str, plain: str) -> Any:
    """Return SciPy's function, or the standard library's element by element where SciPy is not installed."""
    if find_spec("scipy"):
        return scipy_special(name)
    each = np.frompyfunc(getattr(math, plain), 1, 1)
    return lambda x: np.asarray(each(x), x.dtype)[()]


def _scipy(name: str) -> Any:
    """Return a kernel of one tensor that is SciPy's function of this name."""
    return lambda x: scipy_special(name)(x).astype(x.dtype)


def _one(name: str, latex: str, kernel: Any, **record: Any) -> Any:
    """Declare a function of one real tensor; where PyTorch has it for float16 it has a vectorized kernel."""
    kinds = "float" if name in _HALF else "float32 float64"
    cpu = {"digamma": name}.get(name, f"{name}_vml_cpu" if name in _VECTORIZED else f"{name}_cpu")
    return elementwise(name, latex, kernel, signature="(input: Tensor)", takes=(cpu, kinds), **record)


_VECTORIZED = {"erf", "erfc", "erfinv", "lgamma", "i0"}
_HALF = _VECTORIZED | {"digamma", "i0e", "i1", "i1e"}


def _gauss(x: Any) -> Any:
    return exponential.exp(-(x * x))


erf = _one(
    "erf", r"\operatorname{erf} x", lambda x: _function("erf", "erf")(x).astype(x.dtype), names=EVERYWHERE,
    vjp=dict(x=lambda g, x: 2 / sqrt(pi) * _gauss(x) * g), samples=unary(),
)  # fmt: skip
erfc = _one(
    "erfc", r"1 - \operatorname{erf} x", lambda x: _function("erfc", "erfc")(x).astype(x.dtype), names=EVERYWHERE,
    vjp=dict(x=lambda g, x: -2 / sqrt(pi) * _gauss(x) * g), samples=unary(),
)  # fmt: skip
erfcx = _one(
    "erfcx", r"e^{x^2} \operatorname{erfc} x", _scipy("erfcx"), names="special", grad_fn="SpecialErfcxBackward0",
    vjp=dict(x=lambda g, x, out: (2.0 * x * out - 2 / sqrt(pi)) * g), samples=unary(),
)  # fmt: skip
erfinv = _one(
    "erfinv", r"\operatorname{erf}^{-1} x", _scipy("erfinv"), names=EVERYWHERE,
    vjp=dict(x=lambda g, out: 0.5 * sqrt(pi) * exponential.exp(out * out) * g), samples=unary(reals(-0.8, 0.8)),
)  # fmt: skip
log_ndtr = _one(
    "log_ndtr", r"\ln \Phi(x)", _scipy("log_ndtr"), names="special", grad_fn="SpecialLogNdtrBackward0",
    vjp=dict(x=lambda g, x, out: g / sqrt(2 * pi) * exponential.exp(-(out + x * x / 2))), samples=unary(),
)  # fmt: skip
ndtri = _one(
    "ndtri", r"\Phi^{-1}(x)", _scipy("ndtri"), names="special", grad_fn="SpecialNdtriBackward0",
    vjp=dict(x=lambda g, out: g * sqrt(2 * pi) * exponential.exp(out * out / 2)), samples=unary(reals(0.2, 0.8)),
)  # fmt: skip


@composite("special", "(input: Tensor)", samples=unary(), latex=r"\Phi(x)")
def ndtr(x: Any) -> Any:
    """Return the area under the standard normal density up to x."""
    scaled = arithmetic.mul_scalar(x, sqrt(0.5))
    return arithmetic.mul_scalar(arithmetic.add_scalar(erf(scaled), 1), 0.5)


lgamma = _one(
    "lgamma", r"\ln |\Gamma(x)|", lambda x: _function("gammaln", "lgamma")(x).astype(x.dtype),
    names="torch Tensor special.gammaln", vjp=dict(x=lambda g, x: g * digamma(x)), samples=unary(positive),
)  # fmt: skip


def _digamma(x: Any) -> Any:
    return np.where(x == 0, np.copysign(x.dtype.type(np.inf), -x), scipy_special("digamma")(x)).astype(x.dtype)[()]


digamma = _one(
    "digamma", r"\psi(x)", _digamma, names="torch Tensor special special.psi",
    vjp=dict(x=lambda g, x: g * polygamma(1, x)),
    samples=unary(positive),
)  # fmt: skip


def _polygamma_rule(n: int, x: Any) -> Any:
    if n < 0:
        raise NumericError("polygamma(n, x) does not support negative n.")
    return x.shape


polygamma = elementwise(
    "polygamma", r"\psi^{(n)}(x)",
    lambda n, x: _digamma(x) if n == 0 else np.asarray(scipy_special("polygamma")(n, x)).astype(x.dtype)[()],
    names="torch special", signature="(n: int, input: Tensor)", takes=("polygamma", "float"), shape=_polygamma_rule,
    dtype=lambda n, x: dtype_name(x),
    vjp=dict(x=lambda g, n, x: g * polygamma(n + 1, x)), samples=(sample(1, positive(3)), sample(2, positive(3))),
)  # fmt: skip


@composite("Tensor", "(input: Tensor, n: int)", name="polygamma", samples=(sample(positive(3), 1),))
def polygamma_method(x: Any, n: int) -> Any:
    """Return the n-th derivative of the digamma function."""
    return polygamma(n, x)


def _mvlgamma(x: Any, p: int) -> Any:
    terms = sum(lgamma.kernel(x - j / 2) for j in range(p))
    return (terms + p * (p - 1) / 4 * math.log(pi)).astype(x.dtype)


def _mvlgamma_rule(x: Any, p: int) -> Any:
    if p < 1:
        raise NumericError("p has to be greater than or equal to 1")
    return x.shape


def _mvlgamma_slope(g: Any, x: Any, p: int) -> Any:
    total = digamma(x)
    for j in range(1, p):
        total = total + digamma(x - j / 2)
    return g * total


mvlgamma = elementwise(
    "mvlgamma", r"\ln \Gamma_p(x)", _mvlgamma, names="torch Tensor special.multigammaln",
    signature="(input: Tensor, p: int)",
    takes=("mvlgamma", "float"),
    shape=_mvlgamma_rule, vjp=dict(x=_mvlgamma_slope), samples=(sample(reals(2.5, 4)(3), 2),),
)  # fmt: skip


def _igamma_slope(g: Any, x: Any, y: Any) -> Any:
    return g * exponential.exp((x - 1) * exponential.log(y) - y - lgamma(x))


igamma = elementwise(
    "igamma", r"\frac{\gamma(x, y)}{\Gamma(x)}", lambda x, y: scipy_special("gammainc")(x, y).astype(y.dtype),
    takes=("igamma_cpu", "float"),
    signature=TENSORS,
    names="torch Tensor special.gammainc", vjp=dict(x=not_implemented("igamma: input"), y=_igamma_slope),
    samples=(sample(positive(3), positive(3)),),
)  # fmt: skip
igammac = elementwise(
    "igammac", r"\frac{\Gamma(x, y)}{\Gamma(x)}", lambda x, y: scipy_special("gammaincc")(x, y).astype(y.dtype),
    takes=("igammac_cpu", "float"),
    signature=TENSORS,
    names="torch Tensor special.gammaincc",
    vjp=dict(x=not_implemented("igammac: input"), y=lambda g, x, y: -_igamma_slope(g, x, y)),
    samples=(sample(positive(3), positive(3)),),
)  # fmt: skip
i0 = _one("i0", "I_0(x)", _scipy("i0"), names=EVERYWHERE, vjp=dict(x=lambda g, x: g * i1(x)), samples=unary())
i0e = _one(
    "i0e", "e^{-|x|} I_0(x)", _scipy("i0e"), names="special", grad_fn="SpecialI0EBackward0",
    vjp=dict(x=lambda g, x, out: g * (i1e(x) - magnitude.sgn(x) * out)), samples=unary(),
)  # fmt: skip


def _away_from_zero(x: Any) -> tuple[Any, Any]:
    """Return where x is not tiny, and x with the tiny elements replaced."""
    tiny = float(np.finfo(dtype_name(x)).eps)
    large = magnitude.abs_(x) > tiny
    return large, comparison.choose(large, x, tiny)


def _i1_slope(g: Any, x: Any, out: Any) -> Any:
    large, safe = _away_from_zero(x)
    return g * comparison.choose(large, i0(safe) - out / safe, 0.5)


def _i1e_slope(g: Any, x: Any, out: Any) -> Any:
    large, safe = _away_from_zero(x)
    return g * comparison.choose(large, i0e(safe) - out * (magnitude.sgn(safe) + 1 / safe), 0.5)


i1 = _one(
    "i1", "I_1(x)", _scipy("i1"), names="special", grad_fn="SpecialI1Backward0", vjp=dict(x=_i1_slope), samples=unary()
)
i1e = _one(
    "i1e", "e^{-|x|} I_1(x)", _scipy("i1e"), names="special", grad_fn="SpecialI1EBackward0", vjp=dict(x=_i1e_slope),
    samples=unary(),
)  # fmt: skip


def _zeta(x: Any, y: Any) -> Any:
    return scipy_special("zeta")(x, y).astype(x.dtype if hasattr(x, "dtype") else y.dtype)


def _zeta_slope(g: Any, x: Any, y: Any) -> Any:
    above = zeta(x + 1.0, y) if hasattr(x, "dtype") else zeta_of_number(x + 1.0, y)
    return g * -x * above


zeta = elementwise(
    "zeta", r"\zeta(x, y)", _zeta, names="special", takes=("zeta_cpu", "float32 float64"), signature=TENSORS,
    grad_fn="SpecialZetaBackward0",
    vjp=dict(x=not_implemented("zeta"), y=_zeta_slope), samples=(sample(reals(1.5, 3)(3), positive(3)),),
)  # fmt: skip
zeta_of_number = elementwise(
    "zeta", r"\zeta(x, y)", _zeta, names="special", takes=("zeta_cpu", "float32 float64"), signature=NUMBER_FIRST,
    grad_fn="SpecialZetaBackward1",
    vjp=dict(y=_zeta_slope), samples=(sample(2.5, positive(3)),),
)  # fmt: skip
zeta_number = elementwise(
    "zeta", r"\zeta(x, y)", _zeta, names="special", takes=("zeta_cpu", "float32 float64"), signature=WITH_NUMBER,
    grad_fn="SpecialZetaBackward2",
    vjp=dict(x=not_implemented("zeta")), samples=(sample(reals(1.5, 3)(3), 2.0),),
)  # fmt: skip

# PyTorch gives these values and no derivative.
airy_ai = _one(
    "airy_ai", r"\operatorname{Ai}(x)", lambda x: scipy_special("airy")(x)[0], names="special", samples=unary(positive)
)
bessel_j0 = _one("bessel_j0", "J_0(x)", _scipy("j0"), names="special", samples=unary(positive))
bessel_j1 = _one("bessel_j1", "J_1(x)", _scipy("j1"), names="special", samples=unary(positive))
bessel_y0 = _one("bessel_y0", "Y_0(x)", _scipy("y0"), names="special", samples=unary(positive))
bessel_y1 = _one("bessel_y1", "Y_1(x)", _scipy("y1"), names="special", samples=unary(positive))
modified_bessel_i0 = _one("modified_bessel_i0", "I_0(x)", _scipy("i0"), names="special", samples=unary(positive))
modified_bessel_i1 = _one("modified_bessel_i1", "I_1(x)", _scipy("i1"), names="special", samples=unary(positive))
modified_bessel_k0 = _one("modified_bessel_k0", "K_0(x)", _scipy("k0"), names="special", samples=unary(positive))
modified_bessel_k1 = _one("modified_bessel_k1", "K_1(x)", _scipy("k1"), names="special", samples=unary(positive))
scaled_modified_bessel_k0 = _one(
    "scaled_modified_bessel_k0", "e^x K_0(x)", _scipy("k0e"), names="special", samples=unary(positive)
)
scaled_modified_bessel_k1 = _one(
    "scaled_modified_bessel_k1", "e^x K_1(x)", _scipy("k1e"), names="special", samples=unary(positive)
)
spherical_bessel_j0 = _one(
    "spherical_bessel_j0",
    r"\frac{\sin x}{x}",
    lambda x: np.sinc(x / pi).astype(x.dtype),
    names="special",
    samples=unary(positive),
)
