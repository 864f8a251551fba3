"""Several names for the results of one op."""

from __future__ import annotations

from gradcli.graph.evaluate import evaluate
from gradcli.spec.loader import load_graph

_SPEC = "inputs: {x: [[3.0, 1.0], [2.0, 5.0]]}\nops:\n"


def test_each_name_is_one_result() -> None:
    """`v, i: max(x, 1)` names both results in their order."""
    result = evaluate(load_graph(f"{_SPEC}  v, i: max(x, 1)\n"))
    assert result["v"].tolist() == [3.0, 5.0]
    assert result["i"].tolist() == [0, 1]


def test_the_number_of_names_is_the_number_of_results() -> None:
    """Fewer or more names than results are an error at the op."""
    result = evaluate(load_graph(f"{_SPEC}  a, b, c: max(x, 1)\n", "a.yaml"))
    assert result.error is not None
    assert str(result.error) == "a.yaml:3:12: error[GC208]: 2 values for 3 names"
