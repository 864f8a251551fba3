"""Workloads: programs that are timed as a spec, as torch eager, and as NumPy written by hand.

Each gives the same gradients three times: a spec for gradcli, a function of torch tensors that returns the loss, and a
function of arrays that returns the gradients of the parameters in order (None: too long to write by hand).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Workload:
    """One program: its parameters and inputs as arrays, and its three forms."""

    name: str
    inputs: Arrays
    parameters: Arrays
    ops: dict[str, Any]
    loss: str
    torch: Callable[..., Any]
    numpy: Callable[[Arrays], list[Any]] | None = None

    def spec(self) -> dict[str, Any]:
        """Return the spec as a mapping."""
        return {"inputs": self.inputs, "parameters": self.parameters, "ops": self.ops, "backward": self.loss}


def _draw(seed: int, **shapes: tuple[int, ...]) -> Arrays:
    draws = np.random.RandomState(seed)
    return {name: (draws.standard_normal(shape) * 0.3).astype(np.float32) for name, shape in shapes.items()}


def chain(lines: int = 1000) -> Workload:
    """`tanh(x*a+b)` on scalars, one line after the other."""
    names = ["x", *(f"h{i}" for i in range(lines))]
    ops = {after: f"tanh({before} * a + b)" for before, after in pairwise(names)}

    def in_torch(x: Any, a: Any, b: Any) -> Any:
        for _ in range(lines):
            x = (x * a + b).tanh()
        return x

    def in_numpy(p: Arrays) -> list[Any]:
        a, b, xs = p["a"][()], p["b"][()], [p["x"][()]]
        for _ in range(lines):
            xs.append(np.tanh(xs[-1] * a + b))
        g, ga, gb = np.float32(1), np.float32(0), np.float32(0)
        for before, after in zip(reversed(xs[:-1]), reversed(xs[1:]), strict=True):
            g = g * (1 - after * after)
            ga, gb, g = ga + g * before, gb + g, g * a
        return [g, ga, gb]

    parameters = _draw(0, x=(), a=(), b=())
    return Workload("chain of 1,000 lines tanh(x*a+b), scalars", {}, parameters, ops, names[-1], in_torch, in_numpy)


def elementwise(size: int = 1_000_000) -> Workload:
    """A sum of elementwise functions of a million elements."""

    def in_torch(x: Any, y: Any) -> Any:
        import torch

        return (torch.sin(x) * torch.exp(-y * y) + torch.log1p(x * x)).sum()

    def in_numpy(p: Arrays) -> list[Any]:
        x, y = p["x"], p["y"]
        e, s, q = np.exp(-y * y), np.sin(x), x * x
        float((s * e + np.log1p(q)).sum())
        return [np.cos(x) * e + 2 * x / (1 + q), s * e * (-2 * y)]

    ops = {"out": "(sin(x) * exp(-y * y) + log1p(x * x)).sum()"}
    parameters = _draw(1, x=(size,), y=(size,))
    return Workload("(sin(x)*exp(-y*y)+log1p(x*x)).sum(), 10⁶", {}, parameters, ops, "out", in_torch, in_numpy)


def mlp(batch: int = 128) -> Workload:
    """A perceptron 784-256-256-10 with cross entropy."""
    shapes = {"w1": (784, 256), "b1": (256,), "w2": (256, 256), "b2": (256,), "w3": (256, 10), "b3": (10,)}
    inputs = {"x": _draw(2, x=(batch, 784))["x"], "t": np.random.RandomState(3).randint(0, 10, batch)}
    parameters = {name: value * 0.2 for name, value in _draw(4, **shapes).items()}
    ops = {
        "h1": "relu(x @ w1 + b1)",
        "h2": "relu(h1 @ w2 + b2)",
        "out": "h2 @ w3 + b3",
        "loss": "cross_entropy(out, t)",
    }

    def in_torch(x: Any, t: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> Any:
        import torch.nn.functional as functional

        h1 = (x @ w1 + b1).relu()
        return functional.cross_entropy((h1 @ w2 + b2).relu() @ w3 + b3, t)

    def in_numpy(p: Arrays) -> list[Any]:
        x, t = p["x"], p["t"]
        h1 = np.maximum(x @ p["w1"] + p["b1"], 0)
        h2 = np.maximum(h1 @ p["w2"] + p["b2"], 0)
        out = h2 @ p["w3"] + p["b3"]
        e = np.exp(out - out.max(1, keepdims=True))
        g = e / e.sum(1, keepdims=True)
        g[np.arange(batch), t] -= 1
        g /= np.float32(batch)
        gw3, gb3, g2 = h2.T @ g, g.sum(0), (g @ p["w3"].T) * (h2 > 0)
        gw2, gb2, g1 = h1.T @ g2, g2.sum(0), (g2 @ p["w2"].T) * (h1 > 0)
        return [x.T @ g1, g1.sum(0), gw2, gb2, gw3, gb3]

    return Workload("MLP 784-256-256-10, batch 128", inputs, parameters, ops, "loss", in_torch, in_numpy)


def convolution() -> Workload:
    """conv2d 16×16×32×32 → 32 channels, relu, max_pool2d, linear, cross entropy, with the input's gradient."""
    shapes = {"x": (16, 16, 32, 32), "w": (32, 16, 3, 3), "b": (32,), "v": (10, 32 * 16 * 16), "c": (10,)}
    inputs = {"t": np.random.RandomState(5).randint(0, 10, 16)}
    ops = {
        "h": "max_pool2d(relu(conv2d(x, w, b, padding=1)), 2)",
        "loss": "cross_entropy(linear(h.flatten(1), v, c), t)",
    }

    def in_torch(t: Any, x: Any, w: Any, b: Any, v: Any, c: Any) -> Any:
        import torch.nn.functional as functional

        h = functional.max_pool2d(functional.conv2d(x, w, b, padding=1).relu(), 2)
        return functional.cross_entropy(functional.linear(h.flatten(1), v, c), t)

    return Workload("conv2d 16×16×32×32 → 32, relu, max_pool2d, linear", inputs, _draw(6, **shapes), ops, "loss", in_torch)


def attention(heads: int = 4) -> Workload:
    """A self-attention block over 4×128×128 with layer norm, with the input's gradient."""
    width = 128
    shapes = dict.fromkeys(("wq", "wk", "wv", "wo"), (width, width))
    parameters = _draw(7, x=(4, 128, width), **shapes) | {"g": np.ones(width, np.float32), "b": np.zeros(width, np.float32)}
    split = f".reshape(4, 128, {heads}, {width // heads}).transpose(1, 2)"
    ops = {
        "n": f"layer_norm(x, [{width}], g, b)",
        "q": f"(n @ wq){split}",
        "k": f"(n @ wk){split}",
        "v": f"(n @ wv){split}",
        "a": f"softmax(q @ k.transpose(-2, -1) * {(width // heads) ** -0.5}, dim=-1)",
        "o": f"(a @ v).transpose(1, 2).reshape(4, 128, {width}) @ wo",
        "loss": "((x + o) ** 2).mean()",
    }

    def in_torch(x: Any, wq: Any, wk: Any, wv: Any, wo: Any, g: Any, b: Any) -> Any:
        import torch.nn.functional as functional

        n = functional.layer_norm(x, [width], g, b)
        q, k, v = ((n @ w).reshape(4, 128, heads, width // heads).transpose(1, 2) for w in (wq, wk, wv))
        a = functional.softmax(q @ k.transpose(-2, -1) * (width // heads) ** -0.5, dim=-1)
        return ((x + (a @ v).transpose(1, 2).reshape(4, 128, width) @ wo) ** 2).mean()

    return Workload("self-attention, 4 heads, 4×128×128, layer norm", {}, parameters, ops, "loss", in_torch)


def lstm(steps: int = 100, batch: int = 16, hidden: int = 64) -> Workload:
    """An LSTM cell over 100 steps, written out."""
    inputs = _draw(8, xs=(steps, batch, hidden), h=(batch, hidden), c=(batch, hidden))
    parameters = _draw(9, w=(hidden, 4 * hidden), u=(hidden, 4 * hidden), b=(4 * hidden,))
    ops: dict[str, Any] = {}
    h, c = "h", "c"
    for t in range(steps):
        ops[f"z{t}"] = f"xs[{t}] @ w + {h} @ u + b"
        kept, new = f"sigmoid(z{t}[:, :{hidden}]) * {c}", f"tanh(z{t}[:, {2 * hidden}:{3 * hidden}])"
        ops[f"c{t}"] = f"{kept} + sigmoid(z{t}[:, {hidden}:{2 * hidden}]) * {new}"
        ops[f"h{t}"] = f"sigmoid(z{t}[:, {3 * hidden}:]) * tanh(c{t})"
        h, c = f"h{t}", f"c{t}"
    ops["loss"] = f"({h} * {h}).mean()"

    def in_torch(xs: Any, h: Any, c: Any, w: Any, u: Any, b: Any) -> Any:
        import torch

        for t in range(steps):
            z = xs[t] @ w + h @ u + b
            i, f = torch.sigmoid(z[:, hidden : 2 * hidden]), torch.sigmoid(z[:, :hidden])
            c = f * c + i * torch.tanh(z[:, 2 * hidden : 3 * hidden])
            h = torch.sigmoid(z[:, 3 * hidden :]) * torch.tanh(c)
        return (h * h).mean()

    return Workload("LSTM cell, 100 steps, batch 16, hidden 64", inputs, parameters, ops, "loss", in_torch)


def small() -> Workload:
    """A spec of ten ops, evaluated once."""
    ops = {
        "z": "x @ w + b",
        "h": "tanh(z) * sigmoid(z)",
        "p": "softmax(h, dim=1)",
        "q": "p.log() * t",
        "loss": "-q.sum() / 4",
    }

    def in_torch(x: Any, t: Any, w: Any, b: Any) -> Any:
        import torch.nn.functional as functional

        z = x @ w + b
        h = z.tanh() * z.sigmoid()
        return -(functional.softmax(h, dim=1).log() * t).sum() / 4

    return Workload("10 ops, one evaluation", _draw(10, x=(4, 5), t=(4, 3)), _draw(11, w=(5, 3), b=(3,)), ops, "loss", in_torch)


ALL: tuple[Callable[[], Workload], ...] = (chain, elementwise, mlp, convolution, attention, lstm, small)
