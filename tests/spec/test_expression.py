"""The syntax of expressions: any text is an expression or a clean error."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcli.errors import SpecError
from gradcli.source.diagnostic import Diagnostic
from gradcli.spec.document import from_data
from gradcli.spec.expression import ExpressionError, parse
from gradcli.spec.loader import load_tree
from tests.spec import stub_ops


@pytest.mark.parametrize("text", ["a + b", " a + b", "a +\n b", "a # one\n + b # two", "a + \\\n b", "\n\ta + b\n"])
def test_lines_and_comments_are_blanks(text: str) -> None:
    """An expression may have several lines, comments and blanks around it; places count from the start of its text."""
    expression = parse(text)
    assert ast.unparse(expression.node) == "a + b"
    right = expression.node.right  # type: ignore[attr-defined]
    assert expression.extent(right) == (text.index("b"), 1)


def test_a_comment_sign_in_a_string_is_none() -> None:
    """`#` inside quotes is a character."""
    assert ast.unparse(parse("f('#', \"a#b\"\n, x)").node) == "f('#', 'a#b', x)"


@pytest.mark.parametrize(
    ("text", "code", "offset"),
    [
        ("", "GC120", 0),
        ("a +", "GC120", 2),
        ("é + )", "GC120", 4),
        ("x\x00", "GC120", 1),
        ("1" * 5000, "GC120", 0),
        ("a = b", "GC121", 2),
        ("z.0 + 1", "GC207", 0),
        ("\ud800", "GC120", 0),
        ("(" * 1000, "GC905", 0),
    ],
)
def test_what_is_no_expression_is_an_error_at_its_place(text: str, code: str, offset: int) -> None:
    """A text that Python's parser refuses, for whatever reason, is one error with a place."""
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert caught.value.code == code
    assert caught.value.offset == offset


def _load(text: str) -> None:
    """Load a spec that has a text as expression wherever one can stand."""
    data = {
        "inputs": {"x": 1.0, "t": text},
        "ops": {
            "y": text,
            "c": {"op": "norm", "args": ["x", text], "kwargs": {"p": text}},
            "l": {"carry": {"h": text}, "while": text, "ops": {"h": text}},
            "f": {"carry": {"h": 1}, "for": text, "ops": {"h": f"r in {text}"}},
            "g": {"carry": {"h": 1}, "for": f"r in {text}", "ops": {"h": "h"}},
            "s": {"if": text, "then": {"o": text}, "else": {"o": text}},
            text: "x",
        },
        "backward": [text, {"output": text, "v": text, "inputs": [text]}, {"zero_grad": text}],
        "expect": {text: text, "y": {"value": text, "grad": text, "dtype": text, "grad_fn": text}},
    }
    found: list[Diagnostic] = []
    try:
        load_tree(from_data(data), ops=stub_ops)
    except SpecError as error:
        found = error.diagnostics
    assert all(d.span is not None and d.span.column >= 1 and d.span.length >= 1 for d in found)


WORDS = (
    "x y t h l.h s.o y.0 relu torch F. linalg.qr nan inf 1j 1e999 float64 True None ... ( ) [ ] { } , : = := + - * ** @"
    " / // % <"
    " <= == != & | ^ ~ << and or not in is if else for lambda"
    " await yield . .T .sum .sum( .shape .grad"
    " .add_( _ __"
    " 'a' b'a' f'{x}' \" ' # \\ \n range( zip( len( = é ﬁ 0 1 99 0x1 1_0 ; ! $ ? *x **x [1:2, None] del import"
)
words = st.sampled_from(WORDS.split(" "))


@settings(max_examples=300, deadline=None)
@given(st.lists(words, max_size=14).flatmap(lambda w: st.sampled_from([" ".join(w), "".join(w)])))
def test_any_words_are_read_or_refused(text: str) -> None:
    """Whatever is made of the language's words, reading raises nothing but SpecError."""
    _load(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever text stands where an expression can, reading raises nothing but SpecError."""
    _load(text)
