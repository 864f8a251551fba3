"""Attention: batched products and a softmax over rows, behind a layer norm."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bench.workloads.workload import Arrays, Workload, draw

EPS = np.float32(1e-5)


def attention(heads: int = 4, batch: int = 4, length: int = 128, width: int = 128) -> Workload:
    """A self-attention block over 4×128×128 with layer norm, with the input's gradient."""
    shapes = dict.fromkeys(("wq", "wk", "wv", "wo"), (width, width))
    drawn = draw(7, x=(batch, length, width), **shapes)
    parameters = drawn | {"g": np.ones(width, np.float32), "b": np.zeros(width, np.float32)}
    each, scale = width // heads, (width // heads) ** -0.5
    split = f".reshape({batch}, {length}, {heads}, {each}).transpose(1, 2)"
    ops = {
        "n": f"layer_norm(x, [{width}], g, b)",
        "q": f"(n @ wq){split}",
        "k": f"(n @ wk){split}",
        "v": f"(n @ wv){split}",
        "a": f"softmax(q @ k.transpose(-2, -1) * {scale}, dim=-1)",
        "o": f"(a @ v).transpose(1, 2).reshape({batch}, {length}, {width}) @ wo",
        "loss": "((x + o) ** 2).mean()",
    }

    def in_torch(x: Any, wq: Any, wk: Any, wv: Any, wo: Any, g: Any, b: Any) -> Any:
        import torch.nn.functional as functional

        n = functional.layer_norm(x, [width], g, b)
        q, k, v = ((n @ w).reshape(batch, length, heads, each).transpose(1, 2) for w in (wq, wk, wv))
        a = functional.softmax(q @ k.transpose(-2, -1) * scale, dim=-1)
        return ((x + (a @ v).transpose(1, 2).reshape(batch, length, width) @ wo) ** 2).mean()

    def apart(rows: np.ndarray) -> np.ndarray:
        return rows.reshape(batch, length, heads, each).transpose(0, 2, 1, 3)

    def together(parts: np.ndarray) -> np.ndarray:
        return parts.transpose(0, 2, 1, 3).reshape(-1, width)

    def in_numpy(p: Arrays) -> list[Any]:
        x, (wq, wk, wv, wo) = p["x"].reshape(-1, width), (p[name] for name in shapes)
        unit, steepness = _standardized(x)
        n = unit * p["g"]
        n += p["b"]
        q, k, v = apart(n @ wq), apart(n @ wk), apart(n @ wv)
        a = _attended(q, k, np.float32(scale))
        o = together(a @ v)
        y = o @ wo
        y += x
        gy = y * np.float32(2 / y.size)
        go = apart(gy @ wo.T)
        gs = go @ v.swapaxes(2, 3)
        gs -= np.einsum("...j,...j->...", gs, a)[..., None]
        gs *= a
        gs *= np.float32(scale)
        gq, gk, gv = together(gs @ k), together(gs.swapaxes(2, 3) @ q), together(a.swapaxes(2, 3) @ go)
        gn = gq @ wq.T
        gn += gk @ wk.T
        gn += gv @ wv.T
        gx = gn * p["g"]
        gx -= gx.mean(1, keepdims=True) + unit * np.einsum("ij,ij->i", gx, unit)[:, None] / np.float32(width)
        gx *= steepness
        gx += gy
        return [gx.reshape(p["x"].shape), n.T @ gq, n.T @ gk, n.T @ gv, o.T @ gy, (gn * unit).sum(0), gn.sum(0)]

    def in_autograd(x: Any, wq: Any, wk: Any, wv: Any, wo: Any, g: Any, b: Any) -> Any:
        import autograd.numpy as anp

        centred = x - anp.mean(x, axis=-1, keepdims=True)
        n = centred / anp.sqrt(anp.mean(centred * centred, axis=-1, keepdims=True) + EPS) * g + b
        q, k, v = (anp.transpose(anp.reshape(n @ w, (batch, length, heads, each)), (0, 2, 1, 3)) for w in (wq, wk, wv))
        scores = q @ anp.swapaxes(k, 2, 3) * scale
        e = anp.exp(scores - anp.max(scores, axis=-1, keepdims=True))
        o = e / anp.sum(e, axis=-1, keepdims=True) @ v
        return anp.mean((x + anp.reshape(anp.transpose(o, (0, 2, 1, 3)), x.shape) @ wo) ** 2)

    title = "self-attention, 4 heads, 4×128×128, layer norm"
    return Workload(title, {}, parameters, ops, "loss", in_torch, in_numpy, in_autograd)


def _standardized(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of mean 0 and variance 1, and what they were divided by, inverted."""
    unit = x - x.mean(1, keepdims=True)
    steepness = 1 / np.sqrt(np.einsum("ij,ij->i", unit, unit)[:, None] / np.float32(x.shape[1]) + EPS)
    unit *= steepness
    return unit, steepness


def _attended(q: np.ndarray, k: np.ndarray, scale: np.float32) -> np.ndarray:
    """Return the softmax of the scaled scores, in the scores' own memory."""
    a = q @ k.swapaxes(2, 3)
    a *= scale
    a -= a.max(-1, keepdims=True)
    np.exp(a, out=a)
    a /= a.sum(-1, keepdims=True)
    return a
