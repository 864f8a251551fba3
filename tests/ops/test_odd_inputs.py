"""Odd inputs: dtypes, shapes and values that no sample has end in a value or in a finding, never in an internal fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradcli.autograd.backward import grad
from gradcli.autograd.tensor import Tensor
from gradcli.graph.evaluate import OP_ERRORS
from tests.ops.cases import CASES, Case, results

ODD: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "integers": lambda x: x.astype("int64"),
    "booleans": lambda x: x.astype(bool),
    "half precision": lambda x: x.astype("float16"),
    "complex numbers": lambda x: x.astype("complex128"),
    "no elements": lambda x: np.zeros((0, *x.shape[1:])),
    "no dimensions": lambda x: np.array(1.5),
    "one more dimension": lambda x: np.stack([x, x]),
    "nan": lambda x: np.full(x.shape, np.nan),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_odd_inputs_end_in_a_value_or_a_finding(case: Case, kind: str) -> None:
    """An op and its gradient either give a value or raise what an evaluation reports with its place."""
    attempt(case, ODD[kind])


def attempt(case: Case, odd: Callable[[np.ndarray], np.ndarray]) -> None:
    """Call a record and its derivative; return quietly where an evaluation would report an error."""

    def make(array: Any, drawn: bool) -> Tensor:
        data = odd(np.asarray(array)) if drawn else np.asarray(array)
        return Tensor(data[()], drawn and data.dtype.kind in "fc")

    drawn = case.draw(make=make)
    with np.errstate(all="ignore"):
        try:
            outputs = [t for t in results(case.call(drawn.args, drawn.kwargs)) if t.requires_grad]
            inputs = [t for t in drawn.tensors if t.requires_grad]
            if outputs:
                grad(outputs, inputs, [np.ones(t.shape, t.dtype) for t in outputs], allow_unused=True)
        except OP_ERRORS:
            return
