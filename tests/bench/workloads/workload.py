"""Workload: one program in its four forms, with the numbers that all of them start from.

Each form gives the same gradients: a spec for gradcli, functions of torch tensors and of autograd's boxes that return the
loss, and a function of arrays that returns the gradients of the parameters in order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Workload:
    """One program: its parameters and inputs as arrays, and its forms.

    `torch` and `autograd` take the inputs, then the parameters; `numpy` takes all arrays by name. Not `planned`, the spec
    is loaded once and evaluated by `gradcli.run`, else it is compiled.
    """

    name: str
    inputs: Arrays
    parameters: Arrays
    ops: dict[str, Any]
    loss: str
    torch: Callable[..., Any]
    numpy: Callable[[Arrays], list[Any]]
    autograd: Callable[..., Any] | None = None
    planned: bool = True

    def spec(self) -> dict[str, Any]:
        """Return the spec as a mapping."""
        return {"inputs": self.inputs, "parameters": self.parameters, "ops": self.ops, "backward": self.loss}


def draw(seed: int, **shapes: tuple[int, ...]) -> Arrays:
    """Return small float32 numbers of these shapes, the same ones each time."""
    draws = np.random.RandomState(seed)
    return {name: (draws.standard_normal(shape) * 0.3).astype(np.float32) for name, shape in shapes.items()}


def labels(seed: int, count: int) -> np.ndarray:
    """Return this many classes out of ten."""
    return np.random.RandomState(seed).randint(0, 10, count)


def cross_entropy_slope(out: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return the gradient of the mean cross entropy for the scores, written by hand: (softmax - one_hot) / n."""
    g = np.exp(out - out.max(1, keepdims=True))
    g /= g.sum(1, keepdims=True)
    g[np.arange(len(t)), t] -= 1
    g /= np.float32(len(t))
    return g


def cross_entropy_in_autograd(out: Any, t: np.ndarray) -> Any:
    """Return the mean cross entropy of scores in ops of autograd.numpy, which has none of its own."""
    import autograd.numpy as anp

    shifted = out - anp.max(out, axis=1, keepdims=True)
    chosen = shifted[np.arange(len(t)), t]
    return anp.mean(anp.log(anp.sum(anp.exp(shifted), axis=1)) - chosen)
