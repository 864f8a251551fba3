"""The convolution: one layer, its pooling and a linear layer, with the gradient of the image."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bench.workloads.workload import (
    Arrays,
    Workload,
    cross_entropy_in_autograd,
    cross_entropy_slope,
    draw,
    labels,
)

TAPS = [(i, j) for i in range(3) for j in range(3)]
CORNERS = [(i, j) for i in range(2) for j in range(2)]


def convolution(batch: int = 16, channels: int = 16, side: int = 32, out: int = 32) -> Workload:
    """conv2d 16×16×32×32 → 32 channels, relu, max_pool2d, linear, cross entropy, with the input's gradient."""
    x, v = (batch, channels, side, side), (10, out * (side // 2) ** 2)
    parameters = draw(6, x=x, w=(out, channels, 3, 3), b=(out,), v=v, c=(10,))
    ops = {
        "h": "max_pool2d(relu(conv2d(x, w, b, padding=1)), 2)",
        "loss": "cross_entropy(linear(h.flatten(1), v, c), t)",
    }

    def in_torch(t: Any, x: Any, w: Any, b: Any, v: Any, c: Any) -> Any:
        import torch.nn.functional as functional

        h = functional.max_pool2d(functional.conv2d(x, w, b, padding=1).relu(), 2)
        return functional.cross_entropy(functional.linear(h.flatten(1), v, c), t)

    title = "conv2d 16×16×32×32 → 32, relu, max_pool2d, linear"
    return Workload(title, {"t": labels(5, batch)}, parameters, ops, "loss", in_torch, _in_numpy, _in_autograd)


def _in_numpy(p: Arrays) -> list[Any]:
    """Return the gradients; images stand channel first, so that each pass is one product with the unrolled windows."""
    x, w = p["x"], p["w"]
    (batch, channels, height, width), out = x.shape, len(w)
    padded = np.zeros((channels, batch, height + 2, width + 2), np.float32)
    padded[:, :, 1:-1, 1:-1] = x.transpose(1, 0, 2, 3)
    windows = np.empty((channels, 9, batch, height, width), np.float32)
    for k, (i, j) in enumerate(TAPS):
        windows[:, k] = padded[:, :, i : i + height, j : j + width]
    columns, kernel = windows.reshape(channels * 9, -1), w.reshape(out, -1)
    h = kernel @ columns
    h += p["b"][:, None]
    np.maximum(h, 0, out=h)
    g, gv, gc = _head(h.reshape(out, batch, height, width), p["v"], p["c"], p["t"])
    spread = (kernel.T @ g).reshape(windows.shape)
    gx = np.zeros_like(padded)
    for k, (i, j) in enumerate(TAPS):
        gx[:, :, i : i + height, j : j + width] += spread[:, k]
    return [gx[:, :, 1:-1, 1:-1].transpose(1, 0, 2, 3), (g @ columns.T).reshape(w.shape), g.sum(1), gv, gc]


def _head(h: np.ndarray, v: np.ndarray, c: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the gradients for what relu took, one row per channel, and for the linear layer above the pooling."""
    corners = [h[:, :, i::2, j::2] for i, j in CORNERS]
    most = np.maximum(np.maximum(corners[0], corners[1]), np.maximum(corners[2], corners[3]))
    flat = most.transpose(1, 0, 2, 3).reshape(len(t), -1)
    g = cross_entropy_slope(flat @ v.T + c, t)
    channels, batch, *sides = most.shape
    left = (g @ v).reshape(batch, channels, *sides).transpose(1, 0, 2, 3) * (most > 0)
    gh = np.empty_like(h)
    for (i, j), corner in zip(CORNERS, corners, strict=True):
        taken = left * (corner == most)
        gh[:, :, i::2, j::2] = taken
        left -= taken  # of equal ones the first has it all
    return gh.reshape(channels, -1), g.T @ flat, g.sum(0)


def _in_autograd(t: Any, x: Any, w: Any, b: Any, v: Any, c: Any) -> Any:
    """Return the loss; autograd has no convolution but a slow one, so that this adds one product per tap."""
    import autograd.numpy as anp

    batch, _, height, width = x.shape
    padded = anp.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="constant")
    h = sum(anp.einsum("oc,nchw->nohw", w[:, :, i, j], padded[:, :, i : i + height, j : j + width]) for i, j in TAPS)
    h = anp.maximum(h + anp.reshape(b, (-1, 1, 1)), 0)
    pooled = anp.max(anp.reshape(h, (batch, -1, height // 2, 2, width // 2, 2)), axis=(3, 5))
    return cross_entropy_in_autograd(anp.reshape(pooled, (batch, -1)) @ v.T + c, t)
