"""Planned: a graph evaluated once on a tape, and from then on by the plan's function alone.

The backward graph of every evaluation is the first one's: only numbers differ, so its nodes and names serve all results.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from gradcli.autograd.memory import aligned
from gradcli.autograd.plan import NotPlannable, Tape, Traced, plan
from gradcli.autograd.shards import Parts
from gradcli.autograd.tensor import Tensor
from gradcli.graph.evaluate import Evaluation, Limits, StepResult, evaluate
from gradcli.graph.graph import Graph
from gradcli.ops.registry import Results
from gradcli.types.dtype import DEFAULT

Signature = tuple[Any, ...]


def signature(arrays: Mapping[str, Any]) -> Signature:
    """Return what a plan depends on of the arrays that replace inputs: names, shapes, dtypes, layouts."""
    return tuple((name, a.shape, a.dtype, a.strides) for name, a in sorted(arrays.items()))


@lru_cache(maxsize=1)
def keep_pages() -> None:
    """Ask glibc to keep freed memory for the next evaluation; without that, every array is paged in anew each time.

    Elsewhere nothing happens. Source: mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.
    """
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        mallopt(-3, 32 << 20)
        mallopt(-1, 1 << 30)


class Planned:
    """A graph with a plan for one signature of inputs; calling it gives an Evaluation.

    Raises NotPlannable where the graph's way depends on values, and SpecError where its first evaluation fails.
    """

    __slots__ = ("_program", "_templates", "_values", "_wanted", "graph", "inputs", "made", "steps")

    def __init__(self, graph: Graph, arrays: Mapping[str, Any], limits: Limits | None) -> None:
        keep_pages()
        tape = Tape()
        first = evaluate(graph, arrays, limits=limits, tape=tape)
        if first.error is not None:
            raise first.error
        self.graph, self.made, self.steps = graph, first.made, first.steps
        self._templates = {name: first.slots[graph.names[name]] for name in graph.declared}
        now = {slot for value in (*self._gradients(), *self._step_values()) for slot in _wanted(value)}
        self._wanted = sorted(now.union(slot for value in self._templates.values() for slot in _wanted(value)))
        self.inputs = {name: self._start(first, name) for name in tape.inputs}
        self._values = [_bare(start) for start in self.inputs.values()]
        self._program: Callable[..., tuple[Any, ...]] = plan(tape, self._wanted, set(self._wanted) - now)
        tape.forget()

    def _start(self, first: Evaluation, name: str) -> Any:
        """Return an input's own value, which nobody who is given it may change."""
        start = aligned(np.asarray(first[name].data.raw))
        start.setflags(write=False)
        return start

    def _gradients(self) -> Iterator[Any]:
        """Yield the gradients of the declared values."""
        yield from (value.gradient for value in self._templates.values() if isinstance(value, Tensor))

    def _step_values(self) -> Iterator[Any]:
        for step in self.steps:
            yield from (g for g in step.grads.values() if g is not None)
            yield from step.v

    def __call__(self, arrays: Mapping[str, Any]) -> Evaluation:
        """Evaluate with these arrays in place of inputs and parameters."""
        values = [_bare(arrays.get(name, start)) for name, start in self.inputs.items()] if arrays else self._values
        token = DEFAULT.set(self.graph.dtype)
        try:
            with np.errstate(all="ignore"):
                found = self._program(*values)
        finally:
            DEFAULT.reset(token)
        numbers = dict(zip(self._wanted, found, strict=True))
        slots = LazySlots(self.graph, self._templates, numbers)
        steps = [StepResult(s.step, [_number(v, numbers) for v in s.v], _grads(s, numbers)) for s in self.steps]
        return Evaluation(self.graph, slots, self.made, steps)  # type: ignore[arg-type]


def _bare(x: Any) -> Any:
    """Return an array without dimensions as a number."""
    return x[()] if x.ndim == 0 else x


class LazySlots(Sequence[Any]):
    """The slots of a planned evaluation: a tensor is made when it is asked for."""

    __slots__ = ("_graph", "_made", "_numbers", "_templates")

    def __init__(self, graph: Graph, templates: Mapping[str, Any], numbers: dict[int, Any]) -> None:
        self._graph, self._templates, self._numbers = graph, templates, numbers
        self._made: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self._graph.values)

    def __getitem__(self, slot: Any) -> Any:
        """Return the value of a declared name's slot; parts are not kept (KeyError)."""
        if slot not in self._made:
            self._made[slot] = _filled(self._templates[self._graph.values[slot].name], self._numbers)
        return self._made[slot]


def _wanted(value: Any) -> Iterator[int]:
    """Yield the tape's slots in a value: of a tensor, its grad, or several of them."""
    if isinstance(value, Traced):
        yield value.slot
    elif isinstance(value, Tensor):
        yield from _wanted(value.data)
        yield from _wanted(value.gradient)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _wanted(item)


def _number(value: Any, numbers: dict[int, Any]) -> Any:
    """Return this evaluation's number for one of the first; what is the same in all of them is copied."""
    if isinstance(value, Traced):
        found = numbers[value.slot]
        if isinstance(found, Parts):
            found = numbers[value.slot] = found.joined()
        return found
    return value.copy() if isinstance(value, np.ndarray) else value


def _grads(step: StepResult, numbers: dict[int, Any]) -> dict[str, Any]:
    return {name: None if g is None else _number(g, numbers) for name, g in step.grads.items()}


def _filled(value: Any, numbers: dict[int, Any]) -> Any:
    """Return a value of the first evaluation with this one's numbers."""
    if isinstance(value, Tensor):
        return _filled_tensor(value, numbers)
    if isinstance(value, Results):
        return Results([_filled(item, numbers) for item in value], value.names)
    return type(value)(_filled(item, numbers) for item in value) if isinstance(value, (tuple, list)) else value


def _filled_tensor(value: Tensor, numbers: dict[int, Any]) -> Tensor:
    tensor = Tensor(_number(value.data, numbers))
    tensor.requires_grad, tensor.grad_fn, tensor.output_nr = value.requires_grad, value.grad_fn, value.output_nr
    if value.gradient is not None:
        tensor.accumulate(_number(value.gradient.data, numbers))
    return tensor


__all__ = ["NotPlannable", "Planned", "signature"]
