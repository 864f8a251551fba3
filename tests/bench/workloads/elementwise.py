"""Elementwise functions of a million elements, where all the time is arithmetic and memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np

from tests.bench.workloads.workload import Arrays, Workload, draw

BLOCK = 1 << 15
"""Elements of one block: what one thread works on at a time stays in its cache."""
THREADS = 2


def elementwise(size: int = 1_000_000) -> Workload:
    """A sum of elementwise functions of a million elements."""
    pool = ThreadPoolExecutor(THREADS)

    def in_torch(x: Any, y: Any) -> Any:
        import torch

        return (torch.sin(x) * torch.exp(-y * y) + torch.log1p(x * x)).sum()

    def in_numpy(p: Arrays) -> list[Any]:
        gx, gy = np.empty_like(p["x"]), np.empty_like(p["y"])
        bounds = np.linspace(0, size, THREADS + 1).astype(int)
        parts = [pool.submit(_in_blocks, p["x"][a:b], p["y"][a:b], gx[a:b], gy[a:b]) for a, b in pairwise(bounds)]
        sum(part.result() for part in parts)
        return [gx, gy]

    def in_autograd(x: Any, y: Any) -> Any:
        import autograd.numpy as anp

        return anp.sum(anp.sin(x) * anp.exp(-y * y) + anp.log1p(x * x))

    ops = {"out": "(sin(x) * exp(-y * y) + log1p(x * x)).sum()"}
    title = "(sin(x)*exp(-y*y)+log1p(x*x)).sum(), 10⁶"
    return Workload(title, {}, draw(1, x=(size,), y=(size,)), ops, "out", in_torch, in_numpy, in_autograd)


def _in_blocks(x: np.ndarray, y: np.ndarray, gx: np.ndarray, gy: np.ndarray) -> float:
    """Fill the gradients block by block, without a temporary array, and return the sum."""
    scratch, total = np.empty((4, BLOCK), np.float32), 0.0
    for at in range(0, len(x), BLOCK):
        a, b, ga, gb = (array[at : at + BLOCK] for array in (x, y, gx, gy))
        e, s, q, u = scratch[:, : len(a)]
        np.multiply(b, b, out=e)
        np.negative(e, out=e)
        np.exp(e, out=e)
        np.sin(a, out=s)
        np.multiply(s, e, out=s)
        np.multiply(a, a, out=q)
        np.log1p(q, out=u)
        u += s
        total += float(u.sum())
        np.cos(a, out=ga)
        ga *= e
        q += 1
        np.add(a, a, out=u)
        u /= q
        ga += u
        np.multiply(b, -2, out=gb)
        gb *= s
    return total
