"""Record random numbers of torch: `python tests/golden/record_random.py` writes random.json and random.npz.

random.json has sequences: a seed and calls, each of a method of `gradcli.ops._random.Generator`, its arguments, and
dtype and shape of what torch gave. random.npz has the numbers, those of one dtype one after the other; of long results,
a sample (see `thin`). An array argument is written as {"ramp": shape, "dtype": …, "order": …, "span": [low, high]}:
evenly spaced numbers that lie in memory in that order of dimensions.
"""

from __future__ import annotations

import json
import random
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

HERE = Path(__file__).parent
SIZES = (0, 1, 2, 15, 16, 17, 31, 32, 33, 100, 1000, 100_000)
FLOATS = ("float16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")

Call = dict[str, Any]


def array(argument: dict[str, Any]) -> np.ndarray:
    """Return an array argument."""
    shape, order = argument["ramp"], argument["order"]
    flat = np.linspace(*argument["span"], int(np.prod(shape)), dtype=argument["dtype"])
    return flat.reshape([shape[d] for d in order]).transpose(np.argsort(order))


def flat(*shape: int, dtype: str) -> dict[str, Any]:
    """Return an array argument in C order."""
    return {"ramp": shape, "dtype": dtype, "order": list(range(len(shape))), "span": [0.05, 0.95]}


def thin(values: np.ndarray) -> np.ndarray:
    """Return what is kept of a result, flat: all of it, or of a long one every 97th number and the last 40."""
    flat = values.ravel()
    return flat if flat.size <= 120 else np.concatenate([flat[::97], flat[-40:]])


def draw(method: str, arguments: dict[str, Any]) -> list[np.ndarray]:
    """Return what torch gives for one call."""
    given = {key: torch.from_numpy(array(each)) if isinstance(each, dict) else each for key, each in arguments.items()}
    if "dtype" in given:
        given["dtype"] = getattr(torch, given["dtype"])
    results = CALLS[method](**given)
    return [each.numpy() for each in (results if isinstance(results, tuple) else (results,))]


def normal(mean: Any, std: Any, shape: Any = None, dtype: Any = None) -> torch.Tensor:
    """Return `torch.normal` of any of its forms."""
    return torch.normal(mean, std) if shape is None else torch.normal(mean, std, shape, dtype=dtype)


def alpha(x: torch.Tensor, p: float, function: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what an alpha dropout makes of 1 and, with the same random numbers, of 0."""
    before = torch.get_rng_state()
    shift = function(torch.zeros_like(x), p, True)
    torch.set_rng_state(before)
    return function(torch.ones_like(x), p, True), shift


def rrelu_noise(x: torch.Tensor, lower: float, upper: float) -> torch.Tensor:
    """Return the slopes of a randomised leaky ReLU."""
    noise = torch.empty(x.shape, dtype=x.dtype)
    torch.ops.aten.rrelu_with_noise(x.contiguous(), noise, lower, upper, True)
    return noise


def ones(x: torch.Tensor) -> torch.Tensor:
    """Return ones of one element for each sample and channel."""
    return torch.ones(x.shape[:2] + (1,) * (x.ndim - 2), dtype=x.dtype)


CALLS = {
    "rand": lambda shape, dtype: torch.rand(shape, dtype=dtype),
    "randn": lambda shape, dtype: torch.randn(shape, dtype=dtype),
    "rand_like": lambda x: torch.rand_like(x),
    "randn_like": lambda x: torch.randn_like(x),
    "randint_like": lambda x, low, high: torch.randint_like(x, low, high),
    "uniform": lambda low, high, shape, dtype: torch.empty(shape, dtype=dtype).uniform_(low, high),
    "normal": normal,
    "randint": lambda low, high, shape, dtype: torch.randint(low, high, shape, dtype=dtype),
    "randperm": lambda n, dtype: torch.randperm(n, dtype=dtype),
    "bernoulli": lambda x, p=None: torch.bernoulli(x) if p is None else torch.bernoulli(x, p),
    "dropout_mask": lambda x, p: F.dropout(torch.ones_like(x), p),
    "feature_dropout_mask": lambda x, p: torch.feature_dropout(ones(x), p, True),
    "alpha_dropout_mask": lambda x, p: alpha(x, p, torch.alpha_dropout),
    "feature_alpha_dropout_mask": lambda x, p: alpha(ones(x), p, torch.feature_alpha_dropout),
    "exponential": lambda shape, rate, dtype: torch.empty(shape, dtype=dtype).exponential_(rate),
    "poisson": lambda rate: torch.poisson(rate),
    "multinomial": lambda p, count, replacement: torch.multinomial(p, count, replacement),
    "rrelu_noise": rrelu_noise,
}


class Choice:
    """Random calls: the methods' names, with random arguments."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def shape(self) -> list[int]:
        """Return a shape of one, two or three dimensions."""
        size = self.random.choice(SIZES[:-1])
        return self.random.choice([[size], [size, 3], [2, size, 1], []])

    def array(
        self, dtypes: tuple[str, ...] = FLOATS, dimensions: int | None = None, low: float = 0.05, high: float = 0.95
    ) -> Call:
        """Return an array argument."""
        shape = [self.random.choice([1, 2, 3, 5, 8]) for _ in range(dimensions or self.random.randint(1, 4))]
        order = list(range(len(shape)))
        if self.random.random() < 0.5:
            self.random.shuffle(order)
        return {"ramp": shape, "dtype": self.random.choice(dtypes), "order": order, "span": [low, high]}

    def call(self) -> tuple[str, Call]:
        """Return one call."""
        pick, shape = self.random.choice, self.shape()
        p, dtype = round(self.random.uniform(0.05, 0.95), 2), pick(FLOATS)
        low = pick([0, -5, 7])
        method = pick(list(CALLS))
        arguments: dict[str, Call] = {
            "rand": {"shape": shape, "dtype": pick(FLOATS + COMPLEX)},
            "randn": {"shape": shape, "dtype": pick(FLOATS + COMPLEX)},
            "rand_like": {"x": self.array(FLOATS + COMPLEX)},
            "randn_like": {"x": self.array(FLOATS + COMPLEX)},
            "randint_like": {"x": self.array(FLOATS + INTEGERS[1:]), "low": low, "high": low + 100},
            "uniform": {"low": -1.3, "high": 2.7, "shape": shape, "dtype": dtype},
            "normal": pick(
                [
                    {"mean": 1.5, "std": 2.25, "shape": shape, "dtype": pick(FLOATS + COMPLEX)},
                    {"mean": self.array(), "std": 2.25},
                    {"mean": 1.5, "std": self.array()},
                    {"mean": self.array(FLOATS, 1), "std": flat(4, 1, dtype=dtype)},
                ]
            ),
            "randint": {
                "low": low, "high": low + pick([1, 10, 100]), "shape": shape, "dtype": pick(INTEGERS[1:] + FLOATS)
            },
            "randperm": {"n": pick(SIZES[:-1]), "dtype": pick(("int16", "int32", "int64", *FLOATS))},
            "bernoulli": {"x": self.array(), **pick([{}, {"p": p}])},
            "dropout_mask": {"x": self.array(), "p": p},
            "feature_dropout_mask": {"x": self.array(dimensions=4), "p": p},
            "alpha_dropout_mask": {"x": self.array(), "p": p},
            "feature_alpha_dropout_mask": {"x": self.array(dimensions=3), "p": p},
            "exponential": {"shape": shape, "rate": 1.5, "dtype": dtype},
            "poisson": {"rate": self.array(("float32", "float64"), high=pick([2.0, 40.0]))},
            "multinomial": {
                "p": self.array(("float32", "float64"), pick([1, 2])), "count": 1, "replacement": pick([True, False])
            },
            "rrelu_noise": {"x": self.array(("float32", "float64"), low=-1.0), "lower": 0.1, "upper": 0.3},
        }  # fmt: skip
        return method, arguments[method]


def sequences() -> list[dict[str, Any]]:
    """Return every method at every size and dtype on its own, then random sequences."""
    alone: list[tuple[str, Call]] = []
    for size in SIZES:
        alone += [(name, {"shape": [size], "dtype": d}) for name in ("rand", "randn") for d in FLOATS + COMPLEX]
        alone += [("randint", {"low": -3, "high": 1000, "shape": [size], "dtype": d}) for d in ("int32", "int64")]
        alone += [("exponential", {"shape": [size], "rate": 1.0, "dtype": d}) for d in FLOATS]
        alone += [("bernoulli", {"x": flat(size, dtype=d)}) for d in FLOATS]
        alone += [("dropout_mask", {"x": flat(size, dtype=d), "p": 0.3}) for d in FLOATS]
        alone += [("randperm", {"n": size, "dtype": "int64"})]
    wide = ((0, 2**28 - 1), (0, 2**28), (0, 2**32), (-(2**40), 2**40), (-(2**63), 2**63 - 1))
    alone += [("randint", {"low": low, "high": high, "shape": [40], "dtype": "int64"}) for low, high in wide]
    alone += [("randint", {"low": 0, "high": 2**28, "shape": [40], "dtype": d}) for d in ("int32", "float64")]
    alone += [("randint", {"low": 0, "high": 2, "shape": [40], "dtype": "bool"})]
    alone += [("randint", {"low": 0, "high": 2**24, "shape": [40], "dtype": "float32"})]
    several = [flat(20, dtype="float32"), flat(3, 20, dtype="float64")]
    alone += [("multinomial", {"p": p, "count": 7, "replacement": flag}) for p in several for flag in (True, False)]
    seeds = [0, 1, 42, -1, -5, 2**31, 2**32 + 3, 2**63, 2**64 - 1, -(2**63)]
    mixed = [Choice(i) for i in range(60)]
    chosen = [(7, [call]) for call in alone]
    chosen += [(seed, [("rand", {"shape": [5], "dtype": "float64"})]) for seed in seeds]
    chosen += [(i, [choice.call() for _ in range(12)]) for i, choice in enumerate(mixed)]
    return [{"seed": seed, "calls": [list(call) for call in calls]} for seed, calls in chosen]


def main() -> int:
    """Record all sequences."""
    chosen, kept = sequences(), defaultdict(list)
    for sequence in chosen:
        torch.manual_seed(sequence["seed"])
        for call in sequence["calls"]:
            results = draw(*call)
            call.append([[values.dtype.name, values.shape] for values in results])
            for values in results:
                kept[values.dtype.name].append(thin(values))
    lines = ",\n".join(json.dumps(sequence) for sequence in chosen)
    (HERE / "random.json").write_text(f"[\n{lines}\n]\n")
    np.savez_compressed(HERE / "random.npz", **{name: np.concatenate(parts) for name, parts in kept.items()})
    print(f"{len(chosen)} sequences of torch {torch.__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
