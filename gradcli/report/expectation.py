"""Expectations: what a spec says must hold, held against what was found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcli.autograd.tensor import Tensor, recording
from gradcli.errors import BindError
from gradcli.graph.evaluate import Evaluator, located
from gradcli.graph.graph import Data, Expectation, TensorForm
from gradcli.graph.literal import array_of
from gradcli.report.deviation import TOLERANCES, deviation
from gradcli.report.test import Mismatch

_READ: dict[str, Callable[[Tensor], Any]] = {
    "shape": lambda t: tuple(t.shape),
    "dtype": lambda t: str(t.dtype),
    "grad_fn": lambda t: None if t.grad_fn is None else t.grad_fn.name(),
    "requires_grad": lambda t: t.requires_grad,
    "is_leaf": lambda t: t.is_leaf,
}


def check(evaluator: Evaluator, expectation: Expectation, step: str | None = None) -> list[Mismatch]:
    """Return which keys of one expectation do not hold."""
    with recording(False):
        subject = _subject(evaluator, expectation)
        found = [_check_key(evaluator, expectation, subject, key) for key in expectation.checks]
    return [Mismatch(m.name, m.key, m.expected, m.found, m.span, m.deviation, step) for m in found if m is not None]


def _subject(evaluator: Evaluator, expectation: Expectation) -> Any:
    """Return the tensor under an expectation's name; the name of the only result of an op is that result."""
    value = evaluator.value(expectation.subject)
    if isinstance(value, tuple) and set(expectation.checks) & set(_READ):
        raise located(
            BindError(f"`{expectation.name}` is {len(value)} results; name one, `{expectation.name}[0]`", code="GC209"),
            expectation.span,
        )
    return value


def _check_key(evaluator: Evaluator, expectation: Expectation, subject: Any, key: str) -> Mismatch | None:
    expected = expectation.checks[key]
    if key in ("rtol", "atol"):
        return None
    if key in ("value", "grad"):
        return _check_values(evaluator, expectation, subject, key)
    if not isinstance(subject, Tensor):
        return Mismatch(expectation.name, key, expected, type(subject).__name__, expectation.span)
    found = _READ[key](subject)
    expected = tuple(expected) if key == "shape" else expected
    return None if found == expected else Mismatch(expectation.name, key, expected, found, expectation.span)


def _check_values(evaluator: Evaluator, expectation: Expectation, subject: Any, key: str) -> Mismatch | None:
    form = expectation.checks[key]
    found = _grad(subject) if key == "grad" else subject
    if form is None or found is None:
        none = form is None or evaluator.form(form) is None
        return None if found is None and none else _mismatch(evaluator, expectation, key, None if none else form, found)
    dtype = str(found.dtype) if isinstance(found, Tensor) else None
    expected = _expected(evaluator, form, dtype)
    if expected is None:
        return _mismatch(evaluator, expectation, key, None, found)
    actual = _array(found)
    if actual.shape != expected.shape:
        return Mismatch(expectation.name, key, expected, actual, expectation.span)
    rtol, atol = TOLERANCES.get(str(actual.dtype), (0.0, 0.0)) if isinstance(found, Tensor) else TOLERANCES["float64"]
    rtol, atol = expectation.checks.get("rtol", rtol), expectation.checks.get("atol", atol)
    apart = deviation(actual, expected, rtol, atol)
    return None if apart is None else Mismatch(expectation.name, key, expected, actual, expectation.span, apart)


def _mismatch(
    evaluator: Evaluator, expectation: Expectation, key: str, form: TensorForm | None, found: Any
) -> Mismatch:
    expected = None if form is None else _array(evaluator.form(form))
    return Mismatch(expectation.name, key, expected, None if found is None else _array(found), expectation.span)


def _expected(evaluator: Evaluator, form: TensorForm, dtype: str | None) -> Any:
    """Return the array of a form, None for a grad that there is not; a literal that the dtype cuts off stays whole."""
    value = evaluator.form(form, dtype=dtype)
    if value is None:
        return None
    expected = _array(value)
    if expected.dtype.kind in "biu" and isinstance(form.source, Data) and not form.source.array and form.dtype is None:
        written = array_of(form.source.value)
        return written if written.dtype.kind == "f" and (written != expected).any() else expected
    return expected


def _grad(subject: Any) -> Tensor | None:
    return subject.gradient if isinstance(subject, Tensor) else None


def _array(value: Any) -> Any:
    import numpy as np

    return value.numpy() if isinstance(value, Tensor) else np.asarray(value)
