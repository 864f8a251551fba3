"""The chain: many lines of scalars, where all the time is overhead."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from tests.bench.workloads.workload import Arrays, Workload, draw


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

    def in_autograd(x: Any, a: Any, b: Any) -> Any:
        import autograd.numpy as anp

        for _ in range(lines):
            x = anp.tanh(x * a + b)
        return x

    title = "chain of 1,000 lines tanh(x*a+b), scalars"
    return Workload(title, {}, draw(0, x=(), a=(), b=()), ops, names[-1], in_torch, in_numpy, in_autograd)
