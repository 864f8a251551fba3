"""The oracle: runs one OpInfo sample through torch and through gradcli and says where they differ.

`python -m tests.conformance.oracle [ENTRY …] [--verbose]` prints the score of entries of PyTorch's op_db.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gradcli.autograd.backward import grad as our_grad
from gradcli.autograd.tensor import Tensor
from gradcli.ops import registry
from gradcli.ops._random import seeded
from gradcli.types.dtype import DEFAULT, DTYPES

RECORDED = Path(__file__).parent / "opinfo-2.13.json"
OPERATORS = {"__getitem__": "Tensor.__getitem__", "__rmatmul__": "Tensor.__rmatmul__"}
REORDERED = {
    "einsum": lambda a: a[::-1], "where": lambda a: [a[1], a[0], *a[2:]], "polygamma": lambda a: a[::-1],
    "special.polygamma": lambda a: a[::-1], "nn.functional.embedding": lambda a: [a[1], a[0], *a[2:]],
    "nn.functional.embedding_bag": lambda a: [a[1], a[0], *a[2:]],
}  # fmt: skip
OPINFO_SEED = 42
"""What OpInfo itself seeds torch with before it calls an op that draws."""


@dataclass
class Score:
    """How many samples of one entry agree, and why the others do not."""

    entry: str
    passed: int = 0
    total: int = 0
    failures: list[str] = field(default_factory=list)


def recorded() -> dict[str, Any]:
    """Return what was recorded of each entry: samples, grad_fn, nodes."""
    return json.loads(RECORDED.read_text())  # type: ignore[no-any-return]


def op_infos() -> dict[str, Any]:
    """Return PyTorch's OpInfos by the entry's name: `name` or `name/variant`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    return {o.name + (f"/{o.variant_test_name}" if o.variant_test_name else ""): o for o in op_db}


def public_name(name: str) -> str | None:
    """Return the qualified public name that an OpInfo is about."""
    if name in OPERATORS:
        return OPERATORS[name]
    for spelling in (f"torch.{name}", name, f"Tensor.{name}"):
        if found := registry.find_exact(spelling):
            return found
    return None


def compare(entry: str, info: Any, limit: int | None = None) -> Score:
    """Return the score of one entry over its samples in float64 on the CPU."""
    score = Score(entry)
    torch.manual_seed(0)
    np.random.seed(0)
    DEFAULT.set("float32")
    samples = list(info.sample_inputs("cpu", torch.float64, requires_grad=True))
    for number, sample in enumerate(samples[:limit]):
        try:
            problem = compare_sample(info, sample)
        except Exception as error:
            frames = [f for f in traceback.extract_tb(error.__traceback__) if "gradcli" in f.filename]
            place = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
            problem = f"{type(error).__name__}: {str(error)[:300]}{place}"
        if problem == "skip":
            continue
        score.total += 1
        if problem:
            score.failures.append(f"sample {number} {describe(sample)}: {problem}")
        else:
            score.passed += 1
    return score


def describe(sample: Any) -> str:
    """Return a sample's arguments as text: shapes and values."""

    def text(value: Any) -> str:
        if isinstance(value, torch.Tensor):
            return f"{str(value.dtype)[6:]}{list(value.shape)}"
        return "[" + ", ".join(map(text, value)) + "]" if isinstance(value, (list, tuple)) else repr(value)

    parts = [text(a) for a in (sample.input, *sample.args)] + [f"{k}={text(v)}" for k, v in sample.kwargs.items()]
    return "(" + ", ".join(parts)[:300] + ")"


class Converter:
    """Gives torch's values leaves of their own on both sides; the same tensor twice stays the same tensor."""

    def __init__(self) -> None:
        self.theirs: list[torch.Tensor] = []
        self.ours: list[Tensor] = []
        self.seen: dict[int, tuple[torch.Tensor, Tensor]] = {}

    def __call__(self, value: Any) -> tuple[Any, Any]:
        """Return (torch's, ours) of one argument."""
        if isinstance(value, torch.Tensor):
            return self.tensor(value)
        if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
            pairs = [self(item) for item in value]
            return type(value)(p[0] for p in pairs), type(value)(p[1] for p in pairs)
        if isinstance(value, torch.Size):
            return value, tuple(value)
        if isinstance(value, torch.dtype):
            return value, DTYPES[str(value)[6:]]
        if isinstance(value, slice):
            return value, value
        return value, value

    def tensor(self, value: torch.Tensor) -> tuple[torch.Tensor, Tensor]:
        """Return a leaf on each side with the same memory layout."""
        if id(value) not in self.seen:
            theirs = value.detach().requires_grad_(value.requires_grad)
            array = theirs.detach().resolve_conj().resolve_neg().numpy()
            ours = Tensor(array[()] if array.ndim == 0 else array, value.requires_grad)
            if value.requires_grad:
                self.theirs.append(theirs)
                self.ours.append(ours)
            self.seen[id(value)] = (theirs, ours)
        return self.seen[id(value)]


def tensors_of(value: Any, kind: type) -> list[Any]:
    """Return the tensors of a result in order."""
    if isinstance(value, kind):
        return [value]
    return [t for item in value for t in tensors_of(item, kind)] if isinstance(value, (list, tuple)) else []


def compare_sample(info: Any, sample: Any) -> str | None:
    """Return what differs between torch and gradcli on one sample (None: nothing)."""
    convert = Converter()
    arguments = [convert(a) for a in (sample.input, *sample.args)]
    keywords = {k: convert(v) for k, v in sample.kwargs.items()}
    torch.manual_seed(1)
    function = info.op
    result = function(*(a for a, _ in arguments), **{k: a for k, (a, _) in keywords.items()})
    theirs = tensors_of(result, torch.Tensor)
    name = public_name(info.name)
    if name is None:
        return f"no public name {info.name}"
    arguments = REORDERED.get(info.name, list)(arguments)
    with np.errstate(all="ignore"), seeded(OPINFO_SEED):
        found = registry.call(name, [b for _, b in arguments], {k: b for k, (_, b) in keywords.items()})
    ours = [t if isinstance(t, Tensor) else Tensor(t) for t in tensors_of(found, (Tensor, np.ndarray, np.generic))]  # type: ignore[arg-type]
    return compare_values(theirs, ours) or compare_graphs(theirs, ours) or compare_grads(theirs, ours, convert)


def compare_values(theirs: list[torch.Tensor], ours: list[Tensor]) -> str | None:
    """Return the first difference of numbers of results, dtypes, shapes, strides and values."""
    if len(theirs) != len(ours):
        return f"{len(ours)} results, expected {len(theirs)}"
    for at, (t, o) in enumerate(zip(theirs, ours, strict=True)):
        if str(t.dtype)[6:] != str(o.dtype):
            return f"result {at}: dtype {o.dtype}, expected {t.dtype}"
        if tuple(t.shape) != o.shape:
            return f"result {at}: shape {o.shape}, expected {tuple(t.shape)}"
        if difference := close(t, o.data):
            return f"result {at}: {difference}"
        if strides := compare_strides(t, o):
            return f"result {at}: {strides}"
    return None


def compare_strides(t: torch.Tensor, o: Tensor) -> str | None:
    """Return how the memory layouts differ, over the dimensions of more than one element."""
    if t.numel() == 0:
        return None
    expected = [s for s, n in zip(t.stride(), t.shape, strict=True) if n > 1]
    found = [s // o.data.itemsize for s, n in zip(o.data.strides, o.shape, strict=True) if n > 1]
    return None if expected == found else f"strides {found}, expected {expected}"


def close(t: torch.Tensor, array: Any, rtol: float = 1e-7, atol: float = 1e-7) -> str | None:
    """Return how values differ beyond the tolerances of `torch.testing.assert_close` for float64."""
    expected = t.detach().resolve_conj().resolve_neg().numpy()
    if np.allclose(np.asarray(array), expected, rtol=rtol, atol=atol, equal_nan=True):
        return None
    return f"values {np.asarray(array).ravel()[:6]!s}, expected {expected.ravel()[:6]!s}"


def node_names(roots: list[Any]) -> Counter[str]:
    """Return how often each kind of node stands in the graph below these."""
    seen: set[Any] = set()
    stack = [r for r in roots if r is not None]
    names: Counter[str] = Counter()
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        names[node.name().removeprefix("torch::autograd::")] += 1
        stack.extend(n for n, _ in node.next_functions if n is not None)
    return names


def compare_graphs(theirs: list[torch.Tensor], ours: list[Tensor]) -> str | None:
    """Return how requires_grad, the outputs' grad_fn or the multiset of the nodes below differ."""
    for at, (t, o) in enumerate(zip(theirs, ours, strict=True)):
        if t.requires_grad != o.requires_grad:
            return f"result {at}: requires_grad {o.requires_grad}, expected {t.requires_grad}"
        expected, found = t.grad_fn and t.grad_fn.name().removeprefix("torch::autograd::"), o.grad_fn and o.grad_fn.name()
        if expected != found:
            return f"result {at}: grad_fn {found}, expected {expected}"
    expected_names, found_names = node_names([t.grad_fn for t in theirs]), node_names([o.grad_fn for o in ours])
    if expected_names != found_names:
        return f"nodes too many {dict(found_names - expected_names)}, missing {dict(expected_names - found_names)}"
    return None


def compare_grads(theirs: list[torch.Tensor], ours: list[Tensor], convert: Converter) -> str | None:
    """Return how the gradients for a random v differ."""
    at = [i for i, t in enumerate(theirs) if t.requires_grad]
    if not at or not convert.theirs:
        return None
    vs = [torch.randn_like(theirs[i]) for i in at]
    try:
        expected = torch.autograd.grad([theirs[i] for i in at], convert.theirs, vs, allow_unused=True)
    except RuntimeError as error:
        return expect_error(str(error), [ours[i] for i in at], convert.ours, vs)
    seeds = [v.resolve_conj().numpy() for v in vs]
    with np.errstate(all="ignore"):
        found = our_grad([ours[i] for i in at], convert.ours, seeds, allow_unused=True)
    for number, (t, o) in enumerate(zip(expected, found, strict=True)):
        if (t is None) != (o is None):
            return f"grad {number}: {'none' if o is None else 'some'}, expected {'none' if t is None else 'some'}"
        if t is not None and (difference := close(t, o.data, rtol=1e-6, atol=1e-7)):
            return f"grad {number}: {difference}"
    return None


def expect_error(text: str, ours: list[Tensor], inputs: list[Tensor], vs: list[torch.Tensor]) -> str | None:
    """Return None where our backward fails as torch's does."""
    try:
        our_grad(ours, inputs, [v.numpy() for v in vs], allow_unused=True)
    except Exception as error:
        return None if str(error)[:40] == text[:40] else f"backward: {error}, expected {text}"
    return f"backward succeeds, expected {text}"


def scores(entries: list[str], limit: int | None = None) -> Iterator[Score]:
    """Yield the score of each entry, in the order given."""
    infos = op_infos()
    for entry in entries:
        yield compare(entry, infos[entry], limit)


def main() -> int:
    """Print scores; exit 1 where a sample differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("entries", nargs="*", help="entries, or prefixes that end in *; default: all that were recorded")
    parser.add_argument("--limit", type=int, help="samples of each entry at the most")
    parser.add_argument("--verbose", "-v", action="store_true", help="every failure, not the first one of each entry")
    options = parser.parse_args()
    known = list(recorded())
    chosen = [k for e in options.entries for k in known if k == e or (e.endswith("*") and k.startswith(e[:-1]))] or known
    passed = total = whole = 0
    for score in scores(chosen, options.limit):
        passed, total, whole = passed + score.passed, total + score.total, whole + (not score.failures)
        if score.failures:
            shown = score.failures if options.verbose else score.failures[:1]
            print(f"{score.entry}: {score.passed}/{score.total}", *shown, sep="\n    ", flush=True)
    print(f"{passed}/{total} samples; {whole}/{len(chosen)} entries whole")
    return int(passed < total)


if __name__ == "__main__":
    sys.exit(main())
