"""The LSTM: a hundred steps, each of which waits for the one before."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bench.workloads.workload import Arrays, Workload, draw


def lstm(steps: int = 100, batch: int = 16, hidden: int = 64) -> Workload:
    """An LSTM cell over 100 steps, written out; the gates stand in the order forget, input, new, output."""
    inputs = draw(8, xs=(steps, batch, hidden), h=(batch, hidden), c=(batch, hidden))
    parameters = draw(9, w=(hidden, 4 * hidden), u=(hidden, 4 * hidden), b=(4 * hidden,))
    ops: dict[str, Any] = {}
    h, c = "h", "c"
    for t in range(steps):
        ops[f"z{t}"] = f"xs[{t}] @ w + {h} @ u + b"
        kept, new = f"sigmoid(z{t}[:, :{hidden}]) * {c}", f"tanh(z{t}[:, {2 * hidden}:{3 * hidden}])"
        ops[f"c{t}"] = f"{kept} + sigmoid(z{t}[:, {hidden}:{2 * hidden}]) * {new}"
        ops[f"h{t}"] = f"sigmoid(z{t}[:, {3 * hidden}:]) * tanh(c{t})"
        h, c = f"h{t}", f"c{t}"
    ops["loss"] = f"({h} * {h}).mean()"
    title = "LSTM cell, 100 steps, batch 16, hidden 64"
    return Workload(title, inputs, parameters, ops, "loss", _in_torch, _in_numpy, _in_autograd)


def _in_torch(xs: Any, h: Any, c: Any, w: Any, u: Any, b: Any) -> Any:
    import torch

    hidden = len(u)
    for t in range(len(xs)):
        z = xs[t] @ w + h @ u + b
        i, f = torch.sigmoid(z[:, hidden : 2 * hidden]), torch.sigmoid(z[:, :hidden])
        c = f * c + i * torch.tanh(z[:, 2 * hidden : 3 * hidden])
        h = torch.sigmoid(z[:, 3 * hidden :]) * torch.tanh(c)
    return (h * h).mean()


def _in_numpy(p: Arrays) -> list[Any]:
    """Return the gradients: what needs no earlier step is one product or one pass over all steps."""
    xs, w, u = p["xs"], p["w"], p["u"]
    steps, batch, hidden = xs.shape
    forget, enter, new, leave = (slice(k * hidden, (k + 1) * hidden) for k in range(4))
    # sigmoid(z) = tanh(z/2)/2 + 1/2, so that one tanh serves all four gates
    half = np.repeat(np.float32([0.5, 0.5, 1, 0.5]), hidden)
    rest = 1 - half
    hs, cs = np.empty((2, steps + 1, batch, hidden), np.float32)
    hs[0], cs[0] = p["h"], p["c"]
    gates = (xs.reshape(-1, hidden) @ w + p["b"]).reshape(steps, batch, -1)
    squashed = np.empty_like(xs)
    for z, before, after, h, following, s in zip(gates, cs, cs[1:], hs, hs[1:], squashed, strict=False):
        z += h @ u
        z *= half
        np.tanh(z, out=z)
        z *= half
        z += rest
        np.multiply(z[:, forget], before, out=after)
        after += z[:, enter] * z[:, new]
        np.tanh(after, out=s)
        np.multiply(z[:, leave], s, out=following)
    slopes = gates * (1 - gates)
    slopes[:, :, new] = 1 - gates[:, :, new] ** 2
    through = gates[:, :, leave] * (1 - squashed**2)
    gz, back = np.empty_like(gates), np.ascontiguousarray(u.T)
    gh, gc = hs[-1] * np.float32(2 / (batch * hidden)), np.zeros((batch, hidden), np.float32)
    for t in reversed(range(steps)):
        z, g = gates[t], gz[t]
        gc += gh * through[t]
        np.multiply(gc, cs[t], out=g[:, forget])
        np.multiply(gc, z[:, new], out=g[:, enter])
        np.multiply(gc, z[:, enter], out=g[:, new])
        np.multiply(gh, squashed[t], out=g[:, leave])
        g *= slopes[t]
        gc *= z[:, forget]
        gh = g @ back
    flat = gz.reshape(-1, 4 * hidden)
    return [xs.reshape(-1, hidden).T @ flat, hs[:-1].reshape(-1, hidden).T @ flat, flat.sum(0)]


def _in_autograd(xs: Any, h: Any, c: Any, w: Any, u: Any, b: Any) -> Any:
    import autograd.numpy as anp

    hidden = len(h[0])

    def sigmoid(z: Any) -> Any:
        return 0.5 * (anp.tanh(0.5 * z) + 1)

    for t in range(len(xs)):
        z = anp.dot(xs[t], w) + anp.dot(h, u) + b
        i, f = sigmoid(z[:, hidden : 2 * hidden]), sigmoid(z[:, :hidden])
        c = f * c + i * anp.tanh(z[:, 2 * hidden : 3 * hidden])
        h = sigmoid(z[:, 3 * hidden :]) * anp.tanh(c)
    return anp.mean(h * h)
