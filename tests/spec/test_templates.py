"""Templates: a shape is parsed once, and gives what parsing each of its expressions would give."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from gradcli.errors import SpecError
from gradcli.spec import lower, ops_form
from gradcli.spec.loader import load_graph

LEAVES = "parameters: {a: 1.0, b: 2.0, dim: 3.0, F: 4.0, long_name: 5.0}\n"
SOUND = (
    "{} * {} + {}", "tanh({}*{}  +{})", "({} + {}) * {}", "-{} ** 2", "- 3 * {}", "{} - -2", "2.5 * {} + {}", "({}).sum()",
    "({}).reshape([1, 1])", "sum(a * {}, dim=0)", "torch.add(a, {}, alpha=2)", "F.relu(b)", "a.T", "h0.shape", "a[0]",
    "a[0:1, ..., None]", "a[{}:]", "[a, {}][0]", "{} < {}", "{} < {} < {}", "{} if {} > 0 else {}", "{} and {}", "not {}",
    "{} + pi * 1e3", "{} + 1_000 + 0x1f", "a.to(float64)", "{} # {}", "{}", "{} * 1.0", "a . sum ()", "sum (a * {})",
    "1if {} else 2", "where({} > 0, {}, 0.0)", "stack([a, b], dim=0)", "a @ {}", "dim * {} + sum(dim, dim=1)", "F * {}",
    "torch.tanh({}) * F", "{} * (({}))", "{}*{}*{}*{}*{}*{}", "{}   ", " {}",
)  # fmt: skip
BROKEN = (
    "{} * 007", "{} + missing", "({}).missing()", "relu({}, {}, {})", "relu({}, dimension=1)", "{} +",
    "'{}'", "{}\u00e9", "x.grad * {}",
    "{}.sum()", "{}.shape[0] + 1", "{}[{}:]", "linalg.norm({}, out={})", "sum({}, dim=1)(0)", "tanh", "torch * {}", "{}.sum",
)  # fmt: skip
WORDS = ("a", "b", "dim", "long_name", "h0", "h1", "h2", "3", "0.5", "12", "F", "pi", "True")
WRONG = ("torch", "e5", "x_1", "00", "1.", "nn", "None")


def document(draws: random.Random, lines: int, quote: Callable[[str], str]) -> str:
    """Return a spec of random expressions of a few shapes, one after the other or mixed."""
    sound = draws.random() < 0.6
    shapes = draws.sample(SOUND if sound else SOUND + BROKEN, 5)
    words = WORDS if sound else WORDS + WRONG
    expressions = [draws.choice(shapes) for _ in range(lines)] if draws.random() < 0.5 else (shapes * lines)[:lines]
    filled = [e.format(*(draws.choice(words) for _ in range(e.count("{}")))) for e in expressions]
    return LEAVES + "ops:\n" + "".join(f"  h{at}: {quote(e)}\n" for at, e in enumerate(filled))


def read(text: str) -> Any:
    """Return all that a document becomes: its values, statements and names, or its findings."""
    try:
        graph = load_graph(text, "s.yaml")
    except SpecError as error:
        return error.diagnostics
    return graph.values, graph.statements, list(graph.names.items()), graph.declared


def quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


@pytest.mark.parametrize("quote", [str, quoted], ids=["plain", "quoted"])
@pytest.mark.parametrize("seed", range(60))
def test_templates_change_nothing(seed: int, quote: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Statements, slots, names, places and findings are those of a document whose expressions are all parsed."""
    text = document(random.Random(seed), 40, quote)
    monkeypatch.setattr(ops_form, "MANY", 1 << 60)
    expected = read(text)
    monkeypatch.setattr(ops_form, "MANY", 0)
    assert read(text) == expected


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The expressions that were parsed."""
    texts: list[str] = []
    parse = lower.parse
    monkeypatch.setattr(lower, "parse", lambda text: texts.append(text) or parse(text))
    return texts


@pytest.mark.parametrize("quote", [str, quoted], ids=["plain", "quoted"])
def test_a_shape_is_parsed_twice(quote: Callable[[str], str], parsed: list[str]) -> None:
    """Of a thousand lines in three shapes, six are parsed: a shape that stands alone is not worth a template."""
    shapes = ("tanh({} * a + b)", "{}.sum() + 0.{}", "where({} > 0, b, {}.0)")
    lines = [f"  h{at}: {quote(shapes[at % 3].format(f'h{at - 1}' if at else 'a', at))}\n" for at in range(1000)]
    load_graph(LEAVES + "ops:\n" + "".join(lines))
    assert len(parsed) == 6


def test_a_body_is_read_once_however_often_it_runs(parsed: list[str]) -> None:
    """`repeat: 100000` parses and lowers what `repeat: 1` does."""
    spec = LEAVES + "ops:\n  y: {carry: {h: a}, repeat: 1, ops: {h: tanh(h * a + b)}}\nbackward: y.h\n"
    once, often = load_graph(spec), load_graph(spec.replace("repeat: 1", "repeat: 100000"))
    assert parsed.count("tanh(h * a + b)") == 2
    body = often.statements[0].body.statements  # type: ignore[union-attr]
    assert (len(body), [value.name for value in often.values]) == (3, [value.name for value in once.values])
