"""The perceptron: three matrix products forward, five backward."""

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


def mlp(batch: int = 128) -> Workload:
    """A perceptron 784-256-256-10 with cross entropy."""
    shapes = {"w1": (784, 256), "b1": (256,), "w2": (256, 256), "b2": (256,), "w3": (256, 10), "b3": (10,)}
    inputs = {"x": draw(2, x=(batch, 784))["x"], "t": labels(3, batch)}
    parameters = {name: value * 0.2 for name, value in draw(4, **shapes).items()}
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
        g = cross_entropy_slope(h2 @ p["w3"] + p["b3"], t)
        gw3, gb3, g2 = h2.T @ g, g.sum(0), (g @ p["w3"].T) * (h2 > 0)
        gw2, gb2, g1 = h1.T @ g2, g2.sum(0), (g2 @ p["w2"].T) * (h1 > 0)
        return [x.T @ g1, g1.sum(0), gw2, gb2, gw3, gb3]

    def in_autograd(x: Any, t: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> Any:
        import autograd.numpy as anp

        h1 = anp.maximum(x @ w1 + b1, 0)
        return cross_entropy_in_autograd(anp.maximum(h1 @ w2 + b2, 0) @ w3 + b3, t)

    return Workload("MLP 784-256-256-10, batch 128", inputs, parameters, ops, "loss", in_torch, in_numpy, in_autograd)
