"""Running: a spec evaluated once, or prepared for many evaluations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcli.api.spec import Options, Spec, from_mapping, load, unknown
from gradcli.errors import SpecError
from gradcli.graph.graph import BackwardStep, Statement, Step
from gradcli.source.diagnostic import Diagnostic
from gradcli.spec.findings import nearest

if TYPE_CHECKING:
    from gradcli.graph.evaluate import Evaluation, Limits
    from gradcli.graph.planned import Planned
    from gradcli.report.graph import GraphReport
    from gradcli.report.run import RunReport


class Result:
    """What an evaluation gave: `result["w"]` is a Tensor, a tuple of them for an op with several results, or a number."""

    __slots__ = ("evaluation", "spec")

    def __init__(self, evaluation: Evaluation, spec: Spec) -> None:
        self.evaluation, self.spec = evaluation, spec

    def __getitem__(self, name: str) -> Any:
        """Return the value under a declared name, a part's name (`z.0`) or a result's (`qr[0]`)."""
        names = self.evaluation.graph.names
        if name in names and self.evaluation.reached(name):
            return self.evaluation[name]
        stem, bracket, index = name.partition("[")
        if bracket and stem in names and index.rstrip("]").isdigit():
            return self.evaluation[stem][int(index.rstrip("]"))]
        near = nearest(name, names)
        raise KeyError(f"{name!r} is no tensor of this result" + (f"; did you mean {near!r}?" if near else ""))

    def __contains__(self, name: object) -> bool:
        return name in self.evaluation.graph.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.evaluation.graph.declared)

    def __len__(self) -> int:
        return len(self.evaluation.graph.declared)

    def keys(self) -> list[str]:
        """Return the declared names in document order."""
        return list(self.evaluation.graph.declared)

    @property
    def backward(self) -> list[dict[str, Any]]:
        """The grads after each step, by leaf: arrays, or None."""
        return [step.arrays() for step in self.evaluation.steps]

    def report(self, *, parts: bool = False) -> RunReport:
        """Return the plain data that every format of `gradcli run` is made from."""
        from gradcli.report.collect import run_report

        return run_report(self.evaluation, self.spec.file, parts=parts)


def evaluate(
    spec: Spec, overrides: Mapping[str, Any] | None = None, *, limits: Limits | None = None, steps: bool = True,
    expect: Any = None,
) -> Evaluation:  # fmt: skip
    """Evaluate a spec as far as it goes; an error is in the result, with its source lines, beside what was finished."""
    from gradcli.graph.evaluate import evaluate as evaluate_graph

    arrays = {name: _override(spec, name, value) for name, value in (overrides or {}).items()}
    evaluation = evaluate_graph(spec.graph, arrays, limits=limits, steps=steps, expect=expect)
    if evaluation.error is not None:
        evaluation.error = spec.located(evaluation.error)
    return evaluation


def _override(spec: Spec, name: str, value: Any) -> Any:
    """Return an array that replaces an input or parameter, in its own dtype, or as a literal would be read."""
    from gradcli.autograd.tensor import Tensor
    from gradcli.graph.literal import array_of
    from gradcli.types.dtype import BY_NAME, DEFAULT

    leaves = {about.name: about.kind for about in (spec.graph.values[leaf.slot] for leaf in spec.graph.leaves)}
    if name not in leaves:
        raise unknown("argument", name, leaves, "input or parameter")
    if isinstance(value, Tensor):
        return value.data
    if hasattr(value, "dtype"):
        if value.dtype.name not in BY_NAME:
            raise SpecError(Diagnostic("GC303", f"`{name}`: gradcli has no dtype {value.dtype}"))
        return value if value.dtype.isnative else value.astype(value.dtype.name)
    token = DEFAULT.set(spec.graph.dtype)
    try:
        found = array_of(value)
        return found.astype(spec.graph.dtype) if leaves[name] == "parameter" and found.dtype.kind == "i" else found
    finally:
        DEFAULT.reset(token)


def run(
    spec: Spec | str | Path | Mapping[str, Any], *, limits: Limits | None = None, options: Options | None = None
) -> Result:  # fmt: skip
    """Evaluate a spec and its backward steps; raise SpecError where it cannot be read or evaluated.

    `spec` is a loaded spec, a path, or a mapping in the form of a spec whose values may be NumPy arrays.

    Example: `run({"parameters": {"x": np.ones(3)}, "ops": {"y": "x.sum()"}, "backward": "y"})["x"].grad`.
    """
    loaded = as_spec(spec, options)
    return _result(evaluate(loaded, limits=limits), loaded)


def _result(evaluation: Evaluation, spec: Spec) -> Result:
    """Return the result of an evaluation, or raise its error."""
    error = evaluation.error
    if error is None:
        return Result(evaluation, spec)
    try:
        raise error
    finally:
        del error, evaluation  # the error's traceback holds this frame: they would keep each other and all values


def as_spec(spec: Spec | str | Path | Mapping[str, Any], options: Options | None = None) -> Spec:
    """Return a loaded spec from any form that `run` takes."""
    if isinstance(spec, Spec):
        return spec
    return from_mapping(spec, options) if isinstance(spec, Mapping) else load(spec, options)


MOST_PLANS = 16
"""Plans that a compiled spec keeps, the latest ones: inputs of ever new shapes must not fill the memory."""


class Compiled:
    """A spec parsed, ordered and planned once, for repeated evaluation: `step()`, `step(x=array)`.

    There is a plan for every set of shapes and dtypes that it is called with; a spec whose way depends on values is
    evaluated anew each time.
    """

    __slots__ = ("_planning", "_plans", "limits", "spec")

    def __init__(self, spec: Spec, limits: Limits | None = None) -> None:
        from gradcli.graph import planned

        self.spec, self.limits = spec, limits
        self._planning = planned
        self._plans: dict[Any, Planned | None] = {}

    def __call__(self, **replacements: Any) -> Result:
        """Evaluate afresh; arguments replace inputs and parameters for this call."""
        arrays = {name: _override(self.spec, name, value) for name, value in replacements.items()}
        planned = self._plan(arrays)
        if planned is not None:
            try:
                return Result(planned(arrays), self.spec)
            except Exception:
                pass
        return _result(evaluate(self.spec, arrays, limits=self.limits), self.spec)

    def _plan(self, arrays: Mapping[str, Any]) -> Planned | None:
        """Return the plan for arrays like these, made at the first call with such ones; None where there can be none."""
        planning, plans = self._planning, self._plans
        key = planning.signature(arrays) if arrays else ()
        if key not in plans:
            if len(plans) >= MOST_PLANS:
                plans.pop(next(iter(plans)))
            try:
                plans[key] = planning.Planned(self.spec.graph, arrays, self.limits)
            except (planning.NotPlannable, SpecError):
                plans[key] = None
        return plans[key]


def compile(spec: Spec | str | Path | Mapping[str, Any], *, limits: Limits | None = None) -> Compiled:
    """Return a spec prepared for repeated evaluation.

    Example: `step = compile("spec.yaml"); step(x=batch)["w"].grad`.
    """
    return Compiled(as_spec(spec), limits)


def graph(spec: Spec, *, limits: Limits | None = None) -> GraphReport:
    """Return the forward and the backward graph of an evaluation; the backward steps themselves are not run."""
    from gradcli.report.collect_graph import graph_report

    statements = [*spec.graph.statements, *_output_statements(spec.graph.steps)]
    whole = Spec(replace(spec.graph, statements=statements), spec.file, spec.lines)
    return graph_report(evaluate(whole, limits=limits, steps=False), spec.file)


def _output_statements(steps: Iterable[Step]) -> Iterator[Statement]:
    """Yield what the steps' output expressions compute, those aside that need the grads of an earlier step."""
    for output in (output for step in steps if isinstance(step, BackwardStep) for output in step.outputs):
        if not any(getattr(statement, "target", None) == "attr.grad" for statement in output.expression.statements):
            yield from output.expression.statements
