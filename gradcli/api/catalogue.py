"""The catalogue: what gradcli knows of its ops, as lists and pages."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from gradcli.errors import SpecError
from gradcli.ops import _index as index
from gradcli.ops import registry
from gradcli.ops._op import Composite, Op
from gradcli.report.ops import OpPage, OpRow, OpsReport
from gradcli.source.diagnostic import Diagnostic
from gradcli.spec.findings import nearest


def op_list() -> OpsReport:
    """Return one row for every public op under its shortest name, by family."""
    from gradcli.autograd import higher  # noqa: F401 - declares autograd.grad

    registry.load()
    rows: dict[str, OpRow] = {}
    for qualified in index.DECLARED:
        overloads = registry.overloads(qualified)
        name = registry.shortest(qualified)
        if name not in rows and not name.startswith("Tensor.__"):
            first = overloads[0]
            rows[name] = OpRow(name, name + _signature(first), tuple(_nodes(qualified)), _family(first.record))
    return OpsReport(tuple(sorted(rows.values(), key=lambda row: (row.family, row.name))))


def _family(record: Op | Composite) -> str:
    function = record.kernel if isinstance(record, Op) else record.function
    return str(function.__globals__["__name__"]).rpartition(".")[2].lstrip("_")


def _signature(overload: registry.Overload) -> str:
    if overload.text:
        return overload.text
    if overload.record.signature.text:
        return overload.record.signature.text
    return "(" + ", ".join(_param(p) for p in overload.signature.params) + ")"


def _param(param: Any) -> str:
    text = f"{param.name}: {param.kind}"
    return text if repr(param.default).startswith("<object") else f"{text}={param.default!r}"


def _nodes(qualified: str) -> Iterator[str]:
    """Yield the grad_fn names of a public name's overloads."""
    seen = set()
    for overload in registry.overloads(qualified):
        record = overload.record
        if isinstance(record, Op) and record.differentiable and record.grad_fn not in seen:
            seen.add(record.grad_fn)
            yield record.grad_fn


def resolve(name: str) -> str:
    """Return the qualified name of an op under any spelling; raise SpecError (GC202) where there is none."""
    found = (
        registry.find_exact(name)
        or registry.find_bare(name)
        or registry.find_attribute(name)
        or registry.find_method(name)
        or registry.find_method(f"__{name}__")
    )
    if found is None:
        near = nearest(name, registry.names())
        hint = f"did you mean `{near}`?" if near else "`gradcli ops` lists all ops"
        raise SpecError(Diagnostic("GC202", f"there is no op `{name}`", None, hint))
    return found


def op_page(name: str) -> OpPage:
    """Return everything about one op under any of its names."""
    from gradcli.autograd import higher  # noqa: F401 - declares autograd.grad

    registry.load()
    qualified = resolve(name)
    overloads = registry.overloads(qualified)
    short = registry.shortest(qualified)
    records = list({id(o.record): o.record for o in overloads}.values())
    latex = next((r.latex for r in records if r.latex), None)
    notes = tuple(_conventions(records))
    return OpPage(
        short, tuple(_spellings(qualified)), tuple(dict.fromkeys(short + _signature(o) for o in overloads)),
        tuple(_nodes(qualified)),
        latex, tuple(_derivatives(records)), notes, all(isinstance(r, Composite) for r in records),
    )  # fmt: skip


def _spellings(qualified: str) -> list[str]:
    records = {id(o.record) for o in registry.OVERLOADS[qualified]}
    return sorted(q for q, found in registry.OVERLOADS.items() if any(id(o.record) in records for o in found))


def _conventions(records: list[Op | Composite]) -> Iterator[str]:
    for record in records:
        function = record.kernel if isinstance(record, Op) else record.function
        if isinstance(record, Composite) and function.__doc__:
            yield function.__doc__.strip()
        if record.notes:
            yield record.notes
        if record.outputs:
            yield f"several results: {', '.join(record.outputs)}"


def _derivatives(records: list[Op | Composite]) -> Iterator[tuple[str, str]]:
    """Yield (inputs, formula) of every derivative, as its source writes it."""
    for record in records:
        if isinstance(record, Op):
            for inputs, formula in record.vjp.items():
                yield (f"{record.grad_fn}, {inputs}" if len(records) > 1 else inputs), _formula_text(formula)


def _formula_text(formula: Callable[..., Any]) -> str:
    """Return the expression of a formula: a lambda's body, or the name of a function."""
    code = formula.__code__
    if formula.__name__ != "<lambda>":
        return f"{formula.__name__.lstrip('_')}({', '.join(code.co_varnames[: code.co_argcount])})"
    arguments = list(code.co_varnames[: code.co_argcount])
    for node in _lambdas(code.co_filename).get(code.co_firstlineno, ()):
        if [a.arg for a in node.args.args] == arguments and _covers(node, formula):
            return ast.unparse(node.body)
    return "…"


def _covers(node: ast.Lambda, formula: Callable[..., Any]) -> bool:
    """Return whether this is the very lambda: its code lies within the node's columns."""
    columns = [p[2] for p in formula.__code__.co_positions() if p[0] == node.lineno and p[2]]
    return (
        not columns
        or (node.end_lineno or 0) > node.lineno
        or node.col_offset <= min(columns) <= (node.end_col_offset or 0)
    )


@cache
def _lambdas(file: str) -> dict[int, list[ast.Lambda]]:
    found: dict[int, list[ast.Lambda]] = {}
    for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Lambda):
            found.setdefault(node.lineno, []).append(node)
    return found
