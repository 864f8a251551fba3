"""Ops text: the list of ops and the page of one, for `gradcli ops`."""

from __future__ import annotations

from collections.abc import Iterator

from gradcli.report.ops import OpPage, OpsReport


def render_ops(report: OpsReport) -> str:
    """One line per op, signature and grad_fn names, by family where the rows have one."""
    return "".join(f"{line}\n" for line in _list(report))


def render_op(page: OpPage) -> str:
    """The page of one op, section by section; empty sections are left out."""
    return "\n".join(_page(page)) + "\n"


def _list(report: OpsReport) -> Iterator[str]:
    width = max((len(row.signature) for row in report.rows if len(row.signature) <= 72), default=0)
    family = ""
    for row in report.rows:
        if row.family != family:
            yield from ([""] if family else []) + [row.family]
            family = row.family
        margin = "  " if row.family else ""
        yield f"{margin}{row.signature:<{width}}  {', '.join(row.grad_fn)}".rstrip()


def _page(page: OpPage) -> Iterator[str]:
    yield page.name
    yield from _section("signatures", page.signatures)
    yield from _section("also written", page.spellings)
    yield from _section("grad_fn", page.grad_fn or (_no_grad_fn(page),))
    yield from _section("formula", (page.formula,) if page.formula else ())
    yield from _section("derivatives", _aligned(page.derivatives))
    yield from _section("conventions", page.conventions)


def _no_grad_fn(page: OpPage) -> str:
    return "those of the ops that it is made of" if page.composite else "none: it is not differentiable"


def _section(title: str, lines: tuple[str, ...]) -> Iterator[str]:
    if lines:
        yield ""
        yield title
        yield from (f"  {part}" for line in lines for part in line.splitlines())


def _aligned(pairs: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    width = max((len(name) for name, _ in pairs), default=0)
    return tuple(f"{name:<{width}}  {text}" for name, text in pairs)
