"""The small spec: ten ops on a dozen numbers, evaluated once, compiled and as `gradcli.run` does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tests.bench.workloads.workload import Arrays, Workload, draw


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

    def in_numpy(p: Arrays) -> list[Any]:
        x, t = p["x"], p["t"]
        z = x @ p["w"] + p["b"]
        a, s = np.tanh(z), 1 / (1 + np.exp(-z))
        h = a * s
        e = np.exp(h - h.max(1, keepdims=True))
        soft = e / e.sum(1, keepdims=True)
        -(np.log(soft) * t).sum() / 4
        g = (soft * t.sum(1, keepdims=True) - t) / 4
        g *= (1 - a * a) * s + h * (1 - s)
        return [x.T @ g, g.sum(0)]

    def in_autograd(x: Any, t: Any, w: Any, b: Any) -> Any:
        import autograd.numpy as anp

        z = x @ w + b
        h = anp.tanh(z) * (1 / (1 + anp.exp(-z)))
        e = anp.exp(h - anp.max(h, axis=1, keepdims=True))
        return -anp.sum(anp.log(e / anp.sum(e, axis=1, keepdims=True)) * t) / 4

    inputs, parameters = draw(10, x=(4, 5), t=(4, 3)), draw(11, w=(5, 3), b=(3,))
    return Workload("10 ops, one evaluation", inputs, parameters, ops, "loss", in_torch, in_numpy, in_autograd)


def small_run() -> Workload:
    """The same spec through `gradcli.run`, without a plan."""
    return replace(small(), name="10 ops, one evaluation by gradcli.run", planned=False)
