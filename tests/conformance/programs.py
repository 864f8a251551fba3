"""Programs: torch programs written by hand, each beside the spec that stands for it.

A program returns its tensors by the names that the spec gives them, after its backward passes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

Tensors = dict[str, Any]
PROGRAMS: list[tuple[str, Callable[[], Tensors]]] = []
ERRORS: list[tuple[str, Callable[[], Any]]] = []


def program(spec: str) -> Callable[[Callable[[], Tensors]], Callable[[], Tensors]]:
    """Put a torch program beside its spec."""

    def add(function: Callable[[], Tensors]) -> Callable[[], Tensors]:
        PROGRAMS.append((spec, function))
        return function

    return add


def error(spec: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Put a torch program that fails beside the spec that fails as it does."""

    def add(function: Callable[[], Any]) -> Callable[[], Any]:
        ERRORS.append((spec, function))
        return function

    return add


def parameter(*values: Any, **options: Any) -> torch.Tensor:
    """Return a leaf of these values that requires grad."""
    return torch.tensor(*values, **options).requires_grad_()


@program("""
inputs: {x: ones(5), y: zeros(3)}
parameters: {w: "randn(5, 3)", b: randn(3)}
ops:
  z: matmul(x, w) + b
  loss: binary_cross_entropy_with_logits(z, y)
backward: loss
""")
def one_layer() -> Tensors:
    x, y = torch.ones(5), torch.zeros(3)
    w, b = torch.randn(5, 3, requires_grad=True), torch.randn(3, requires_grad=True)
    z = torch.matmul(x, w) + b
    loss = F.binary_cross_entropy_with_logits(z, y)
    loss.backward()
    return locals()


@program("""
inputs: {x: ones(5)}
parameters: {w: "randn(5, 3)", b: randn(3)}
ops:
  z: matmul(x, w) + b
  quiet: {expr: "matmul(x, w) + b", no_grad: true}
  cut: z.detach()
""")
def without_gradient() -> Tensors:
    x = torch.ones(5)
    w, b = torch.randn(5, 3, requires_grad=True), torch.randn(3, requires_grad=True)
    z = torch.matmul(x, w) + b
    with torch.no_grad():
        quiet = torch.matmul(x, w) + b
    cut = z.detach()
    return locals()


@program("""
parameters: {inp: "eye(4, 5)"}
ops: {out: "((inp + 1) ** 2).t()"}
backward:
  - {output: out, v: ones_like(out), retain_graph: true}
  - {output: out, v: ones_like(out), retain_graph: true}
""")
def jacobian_product() -> Tensors:
    inp = torch.eye(4, 5, requires_grad=True)
    out = (inp + 1).pow(2).t()
    out.backward(torch.ones_like(out), retain_graph=True)
    out.backward(torch.ones_like(out), retain_graph=True)
    return locals()


@program("""
inputs:
  i: {value: [1, 2, 3], dtype: int32}
  u: {value: [1, 2, 250], dtype: uint8}
  h: {value: [0.5, 1.5, -2.0], dtype: float16}
  s: {value: 2.5, dtype: float64}
  t: [true, false, true]
ops:
  a: i + 1.5
  b: i / 2
  c: u + 10
  d: h * s
  e: t + t
  f: i * u
  g: h + 1j
  j: t.sum()
  k: i // 2 + i % 2
  l: (i > 1) & t
  m: "-u"
  n: 2 ** i
  o: i ** 2
  p: mean(h)
  q: s * i
  r: clamp(i, 0, 2.5)
  w: where(t, i, h)
""")
def promotion() -> Tensors:
    i = torch.tensor([1, 2, 3], dtype=torch.int32)
    u = torch.tensor([1, 2, 250], dtype=torch.uint8)
    h = torch.tensor([0.5, 1.5, -2.0], dtype=torch.float16)
    s = torch.tensor(2.5, dtype=torch.float64)
    t = torch.tensor([True, False, True])
    a, b, c, d, e, f, j = i + 1.5, i / 2, u + 10, h * s, t + t, i * u, t.sum()
    k, l, m, n, o, p, q = i // 2 + i % 2, (i > 1) & t, -u, 2**i, i**2, h.mean(), s * i
    r, w = torch.clamp(i, 0, 2.5), torch.where(t, i, h)
    return locals()


@program("""
parameters: {x: [0.3, -0.4]}
ops:
  y: {carry: {h: x}, while: h.norm() < 1000, ops: {h: h * 2}}
  z: {if: y.h.sum() > 0, then: {out: y.h}, else: {out: -100 * y.h}}
backward: z.out.sum()
""")
def control_flow() -> Tensors:
    x = parameter([0.3, -0.4])
    h = x
    while h.norm() < 1000:
        h = h * 2
    out = h if h.sum() > 0 else -100 * h
    out.sum().backward()
    return {"x": x, "y.h": h, "z.out": out}


@program("""
parameters: {x: [1.0, 2.0, 3.0], w: [0.5, -0.5, 0.25]}
ops:
  y: tanh(x * w).sum()
  g: autograd.grad(y, x, create_graph=True)[0]
  penalty: (g.norm() - 1) ** 2
  second: autograd.grad(g.sum(), w, create_graph=True)[0]
backward: penalty + second.sum()
""")
def higher_order() -> Tensors:
    x, w = parameter([1.0, 2.0, 3.0]), parameter([0.5, -0.5, 0.25])
    y = torch.tanh(x * w).sum()
    g = torch.autograd.grad(y, x, create_graph=True)[0]
    penalty = (g.norm() - 1) ** 2
    second = torch.autograd.grad(g.sum(), w, create_graph=True)[0]
    (penalty + second.sum()).backward()
    return locals()


@program("""
inputs: {x: "randn(4, 6)", target: [0, 2, 1, 2]}
parameters: {w1: "randn(6, 5)", b1: zeros(5), w2: "randn(5, 3)", b2: zeros(3)}
ops:
  h: relu(x @ w1 + b1)
  logits: linear(h, w2.t(), b2)
  loss: cross_entropy(logits, target, label_smoothing=0.1)
  p: softmax(logits, dim=1)
  best: p.argmax(1)
backward: loss
""")
def classifier() -> Tensors:
    x, target = torch.randn(4, 6), torch.tensor([0, 2, 1, 2])
    w1, b1 = torch.randn(6, 5, requires_grad=True), torch.zeros(5, requires_grad=True)
    w2, b2 = torch.randn(5, 3, requires_grad=True), torch.zeros(3, requires_grad=True)
    h = F.relu(x @ w1 + b1)
    logits = F.linear(h, w2.t(), b2)
    loss = F.cross_entropy(logits, target, label_smoothing=0.1)
    p = F.softmax(logits, dim=1)
    best = p.argmax(1)
    loss.backward()
    return locals()


@program("""
dtype: float64
parameters: {q: "randn(2, 4, 8)", k: "randn(2, 4, 8)", v: "randn(2, 4, 8)"}
ops:
  scores: q @ k.transpose(-2, -1) / 8 ** 0.5
  masked: scores.masked_fill(ones(4, 4).triu(1).bool(), -inf)
  out: softmax(masked, -1) @ v
  norm: layer_norm(out, [8])
backward: (norm * norm.cos()).sum()
""")
def attention() -> Tensors:
    torch.set_default_dtype(torch.float64)
    q, k, v = (torch.randn(2, 4, 8, requires_grad=True) for _ in range(3))
    scores = q @ k.transpose(-2, -1) / 8**0.5
    masked = scores.masked_fill(torch.ones(4, 4).triu(1).bool(), float("-inf"))
    out = F.softmax(masked, -1) @ v
    norm = F.layer_norm(out, [8])
    (norm * norm.cos()).sum().backward()
    return locals()


@program("""
dtype: float64
parameters: {a: [[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]], b: [1.0, 2.0, 3.0]}
ops:
  x: linalg.solve(a, b)
  q, r: linalg.qr(a)
  inverse: linalg.inv(a)
  logdet: linalg.slogdet(a).logabsdet
  lower: linalg.cholesky(a)
backward: x.sum() + q.sum() + r.sum() + inverse.sum() + logdet + lower.sum()
""")
def linear_algebra() -> Tensors:
    torch.set_default_dtype(torch.float64)
    a = parameter([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
    b = parameter([1.0, 2.0, 3.0])
    x = torch.linalg.solve(a, b)
    q, r = torch.linalg.qr(a)
    inverse, logdet, lower = torch.linalg.inv(a), torch.linalg.slogdet(a).logabsdet, torch.linalg.cholesky(a)
    (x.sum() + q.sum() + r.sum() + inverse.sum() + logdet + lower.sum()).backward()
    return locals()


@program("""
inputs: {x: "randn(3, 5)"}
parameters: {z: [1+2j, -0.5j, 3.0]}
ops:
  power: (z * z.conj()).real.sum()
  angle: z.angle()
  wave: exp(1j * z.imag)
  polynomial: z ** 3 + 2 * z
backward: [{output: power}, {output: polynomial, v: [1+1j, 2.0, -1j]}]
""")
def complex_numbers() -> Tensors:
    x = torch.randn(3, 5)
    z = parameter([1 + 2j, -0.5j, 3.0])
    power = (z * z.conj()).real.sum()
    angle = z.angle()
    wave = torch.exp(1j * z.imag)
    polynomial = z**3 + 2 * z
    power.backward()
    polynomial.backward(torch.tensor([1 + 1j, 2.0, -1j]))
    return locals()


@program("""
inputs: {i: [2, 0, 0], m: [[true, false, true], [false, false, true]]}
parameters: {x: [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]}
ops:
  a: x[0]
  b: "x[:, 1:]"
  c: x[..., None, -1]
  d: "x[:, i]"
  e: x[m]
  f: x[m.any(1), 0]
  g: x.gather(1, i.expand(2, 3))
  h, at: x.sort(1, descending=True)
  s: cat([x, x * 2], 1).split([4, 2], 1)
  t: stack([x, -x]).permute(2, 0, 1).reshape(3, 4)
backward: a.sum() + b.sum() + c.sum() + d.prod() + e.sum() + f.sum() + g.sum() + h[0, 0] + s[0].sum() + t[1].sum()
""")
def indexing() -> Tensors:
    i, m = torch.tensor([2, 0, 0]), torch.tensor([[True, False, True], [False, False, True]])
    x = parameter([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    a, b, c, d, e, f = x[0], x[:, 1:], x[..., None, -1], x[:, i], x[m], x[m.any(1), 0]
    g = x.gather(1, i.expand(2, 3))
    h, at = x.sort(1, descending=True)
    s = torch.cat([x, x * 2], 1).split([4, 2], 1)
    t = torch.stack([x, -x]).permute(2, 0, 1).reshape(3, 4)
    (
        a.sum() + b.sum() + c.sum() + d.prod() + e.sum() + f.sum() + g.sum() + h[0, 0] + s[0].sum() + t[1].sum()
    ).backward()
    return locals()


@program("""
manual_seed: 7
inputs: {r: "rand(3, 4)", n: "randn(17)", k: "randint(0, 10, (5,))", p: randperm(6)}
parameters: {w: "randn(3, 4)"}
ops:
  d: dropout(w, 0.4)
  b: bernoulli(r)
  noise: randn_like(w) * w
backward: d.sum() + noise.sum()
""")
def random_numbers() -> Tensors:
    torch.manual_seed(7)
    r, n, k, p = torch.rand(3, 4), torch.randn(17), torch.randint(0, 10, (5,)), torch.randperm(6)
    w = torch.randn(3, 4, requires_grad=True)
    d, b = F.dropout(w, 0.4), torch.bernoulli(r)
    noise = torch.randn_like(w) * w
    (d.sum() + noise.sum()).backward()
    return locals()


@program("""
parameters: {xs: "randn(6, 4)", h0: zeros(3), wx: "randn(4, 3)", wh: "randn(3, 3)"}
ops:
  rnn: {carry: {h: h0}, for: x in xs, ops: {h: tanh(x @ wx + h @ wh)}}
  loss: rnn.h.square().mean()
backward: [{output: loss, inputs: [wx, h0]}]
""")
def recurrent_network() -> Tensors:
    xs, h0 = torch.randn(6, 4, requires_grad=True), torch.zeros(3, requires_grad=True)
    wx, wh = torch.randn(4, 3, requires_grad=True), torch.randn(3, 3, requires_grad=True)
    h = h0
    for x in xs:
        h = torch.tanh(x @ wx + h @ wh)
    loss = h.square().mean()
    loss.backward(inputs=[wx, h0])
    return {"xs": xs, "h0": h0, "wx": wx, "wh": wh, "rnn.h": h, "loss": loss}


@program("""
parameters: {x: "randn(2, 3, 8, 8)", w: "randn(4, 3, 3, 3)", b: randn(4)}
ops:
  c: conv2d(x, w, b, stride=2, padding=1)
  a: gelu(c)
  p: max_pool2d(a, 2)
  m: p.flatten(1).mean(1)
backward: [{output: m, v: [1.0, -2.0]}]
""")
def convolution() -> Tensors:
    x, w = torch.randn(2, 3, 8, 8, requires_grad=True), torch.randn(4, 3, 3, 3, requires_grad=True)
    b = torch.randn(4, requires_grad=True)
    c = F.conv2d(x, w, b, stride=2, padding=1)
    a = F.gelu(c)
    p = F.max_pool2d(a, 2)
    m = p.flatten(1).mean(1)
    m.backward(torch.tensor([1.0, -2.0]))
    return locals()


@error("parameters: {x: 3.0}\nops: {y: x * x}\nbackward: [y, y]")
def second_pass() -> Any:
    y = parameter(3.0) ** 1 * parameter(2.0)
    y.backward()
    y.backward()


@error("parameters: {x: ones(2)}\nops: {y: x * x}\nbackward: y")
def implicit_v() -> Any:
    (parameter([1.0, 1.0]) * 2).backward()


@error("parameters: {x: ones(2)}\nops: {y: x * x}\nbackward: {output: y, v: ones(3)}")
def wrong_v() -> Any:
    (parameter([1.0, 1.0]) * 2).backward(torch.ones(3))


@error("inputs: {x: ones(2)}\nops: {y: x.sum()}\nbackward: y")
def no_gradient() -> Any:
    torch.ones(2).sum().backward()


@error("inputs: {a: 'ones(2, 3)', b: 'ones(4, 5)'}\nops: {c: a @ b}")
def matrix_shapes() -> Any:
    torch.ones(2, 3) @ torch.ones(4, 5)


@error("inputs: {a: ones(3), b: ones(4)}\nops: {c: a + b}")
def broadcasting() -> Any:
    torch.ones(3) + torch.ones(4)


@error("inputs: {a: 'ones(2, 3)'}\nops: {c: 'a.reshape(4, 2)'}")
def reshaping() -> Any:
    torch.ones(2, 3).reshape(4, 2)


@error("inputs: {a: 'ones(2, 3)'}\nops: {c: a.sum(2)}")
def dimension() -> Any:
    torch.ones(2, 3).sum(2)


@error("inputs: {a: 'ones(2, 3)'}\nops:\n  c: a[2]")
def index() -> Any:
    torch.ones(2, 3)[2]


@error("inputs: {a: 'ones(2, 3)', b: 'ones(2, 4)'}\nops:\n  c: cat([a, b])")
def concatenation() -> Any:
    torch.cat([torch.ones(2, 3), torch.ones(2, 4)])


@error("inputs: {a: ones(3), b: {value: ones(3), dtype: float64}}\nops: {c: a @ b}")
def matrix_dtypes() -> Any:
    torch.ones(3) @ torch.ones(3, dtype=torch.float64)


@error("inputs: {a: [true]}\nops: {c: a - a}")
def boolean_subtraction() -> Any:
    torch.tensor([True]) - torch.tensor([True])


@error("inputs: {a: ones(2)}\nops: {c: 1 if a > 0 else 2}")
def ambiguous_truth() -> Any:
    bool(torch.ones(2) > 0)


@error("inputs: {a: 'zeros(2, 2)'}\nops: {c: linalg.inv(a)}")
def singular_matrix() -> Any:
    torch.linalg.inv(torch.zeros(2, 2))


@error("inputs: {x: 'ones(2, 3)', t: [0, 5]}\nops: {c: 'cross_entropy(x, t)'}")
def target_out_of_bounds() -> Any:
    F.cross_entropy(torch.ones(2, 3), torch.tensor([0, 5]))


@error("inputs: {x: 'ones(1, 2, 4, 4)', w: 'ones(3, 1, 3, 3)'}\nops: {c: 'conv2d(x, w)'}")
def channels() -> Any:
    F.conv2d(torch.ones(1, 2, 4, 4), torch.ones(3, 1, 3, 3))


@error("parameters: {x: 1.0, y: 2.0}\nops: {z: x * 2, g: 'autograd.grad(z, y)'}")
def unused_input() -> Any:
    x, y = parameter(1.0), parameter(2.0)
    torch.autograd.grad(x * 2, y)
