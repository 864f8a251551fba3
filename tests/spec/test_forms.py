"""Tensor forms, backward steps and expectations."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from gradcli.errors import OpError
from gradcli.graph.graph import BackwardStep, Data, Graph, ZeroGradStep
from gradcli.source.span import Span
from gradcli.spec.document import from_data
from gradcli.spec.loader import expected_error, load_tree
from tests.spec import stub_ops
from tests.spec.notation import block, form, load

LITERALS = [
    ("0.5", 0.5),
    ("1", 1),
    ("true", True),
    ("[1.0, 2.0]", [1.0, 2.0]),
    ("[[1, 2], [3, 4]]", [[1, 2], [3, 4]]),
    ("[]", []),
    ("[[], []]", [[], []]),
    ("-inf", -math.inf),
    ("1+2j", 1 + 2j),
    ("[-inf, .inf, 1e-3, 1-2j, pi]", [-math.inf, math.inf, 1e-3, 1 - 2j, math.pi]),
    ('"[1, (2, 3)]"', [1, [2, 3]]),
]


@pytest.mark.parametrize(("text", "value"), LITERALS, ids=[case[0] for case in LITERALS])
def test_a_literal_is_data(text: str, value: Any) -> None:
    """Numbers in lists, and constants spelled as Python does, are literals."""
    (leaf,) = load(f"inputs: {{x: {text}}}").leaves
    assert leaf.form.source == Data(value)


def test_nan_is_a_literal() -> None:
    """`nan` is a number that YAML does not know."""
    (leaf,) = load("inputs: {x: [nan, 1]}").leaves
    assert math.isnan(leaf.form.source.value[0])  # type: ignore[union-attr]


def test_sections_say_what_requires_grad() -> None:
    """Parameters require grad and inputs do not, unless they say so."""
    graph = load(
        "inputs: {a: 1.0, b: {value: 1.0, requires_grad: true}}\n"
        "parameters: {c: 1.0, d: {value: 1.0, requires_grad: false, dtype: double}}"
    )
    assert [leaf.requires_grad for leaf in graph.leaves] == [False, True, True, False]
    assert [leaf.form.dtype for leaf in graph.leaves] == [None, None, None, "float64"]
    assert [value.kind for value in graph.values] == ["input", "input", "parameter", "parameter"]


def test_tensors_see_each_other_in_any_order() -> None:
    """Expressions of inputs and parameters may use each other, and record nothing."""
    graph = load("inputs: {a: ones_like(w) * 2, b: 1.0}\nparameters: {w: randn(5), v: {value: a + b}}")
    assert [graph.values[leaf.slot].name for leaf in graph.leaves] == ["w", "a", "b", "v"]
    assert unnumbered(form(graph, graph.leaves[0].form)) == "{_ = torch.randn(5) #; _}"
    assert list(graph.names) == ["a", "b", "w", "v"]


def test_files_are_read_by_the_caller() -> None:
    """`{file, key}` asks the callback, with the key, the tensor's name and the place."""
    asked: list[tuple[Any, ...]] = []

    def read_file(file: str, key: str | None, name: str, span: Span) -> Data:
        asked.append((file, key, name, span.column))
        return Data([1.0])

    graph = load("inputs: {x: {file: a.npz}, y: {file: b.npz, key: k, dtype: float64}}", read_file=read_file)
    assert asked == [("a.npz", None, "x", 20), ("b.npz", "k", "y", 38)]
    assert [leaf.form.source for leaf in graph.leaves] == [Data([1.0]), Data([1.0])]


def test_a_file_error_has_the_place_of_the_file() -> None:
    """What the callback raises is a finding at the path."""

    def read_file(file: str, key: str | None, name: str, span: Span) -> Data:
        raise OpError("no such file", "GC910")

    with pytest.raises(Exception, match=r"a.yaml:1:20: error\[GC910\]: no such file"):
        load("inputs: {x: {file: a.npz}}", read_file=read_file)


def test_arrays_of_python_are_data() -> None:
    """A mapping of Python may hold arrays."""
    array = np.ones(3)
    graph = load_tree(from_data({"inputs": {"x": array, "y": {"value": array}}}), ops=stub_ops)
    assert all(leaf.form.source.value.tolist() == [1, 1, 1] for leaf in graph.leaves)  # type: ignore[union-attr]
    assert all(leaf.form.source.array for leaf in graph.leaves)  # type: ignore[union-attr]


def unnumbered(shown: str) -> str:
    """A block without the numbers of slots that have no name."""
    return re.sub(r"_\d+", "_", shown)


SPEC = "inputs: {x: 1.0}\nparameters: {w: 1.0, b: 1.0}\nops: {z: x * w + b, qr: linalg.qr(z)}\n"


def _steps(text: str) -> tuple[Graph, list[Any]]:
    graph = load(SPEC + text)
    return graph, graph.steps


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("z", "{z}"),
        ("z.0", "{z.0}"),
        ("qr[0]", "{_ = operator.getitem(qr, 0); _}"),
        ("{output: z}", "{z}"),
        ("[z]", "{z}"),
        ("[{output: z.0}]", "{z.0}"),
        ("(z * w.grad)", "{_ = attr.grad(w); _ = operator.mul(z, _); _}"),
    ],
)
def test_an_output_is_a_name_a_part_or_an_expression(text: str, output: str) -> None:
    """`backward` takes an output, a step or a list; an output may be a part, and may use grads."""
    graph, (step,) = _steps(f"backward: {text}")
    (out,) = step.outputs
    assert unnumbered(block(graph, out.expression)) == output
    assert out.v is None


def test_a_step_has_options() -> None:
    """A step takes retain_graph, create_graph, inputs, a label and expectations of its own."""
    _, (step,) = _steps(
        "backward: {output: z, v: [0.1], retain_graph: true, create_graph: true, inputs: [w], label: 1st,"
        " expect: {w: {grad: 1}}}"
    )
    assert isinstance(step, BackwardStep)
    assert (step.retain_graph, step.create_graph, step.inputs, step.label) == (True, True, (1,), "1st")
    assert step.outputs[0].v is not None
    assert step.outputs[0].v.source == Data([0.1])
    assert step.expect[0].checks["grad"].source == Data(1)


def test_several_outputs_have_a_v_each() -> None:
    """For a list of outputs v is a list as long, where null is an implicit 1."""
    graph, (step,) = _steps("backward: {output: [z, qr.R], v: [null, ones_like(z)]}")
    assert step.outputs[0].v is None
    assert unnumbered(form(graph, step.outputs[1].v)) == "{_ = torch.ones_like(z) #; _}"
    assert [out.text for out in step.outputs] == ["z", "qr.R"]


@pytest.mark.parametrize(
    ("text", "names", "slots"),
    [("w", ("w",), (1,)), ("[w, b]", ("w", "b"), (1, 2)), ("all", ("all",), None)],
)
def test_zero_grad_takes_a_name_a_list_or_all(text: str, names: tuple[str, ...], slots: tuple[int, ...] | None) -> None:
    """Grads are zeroed by name."""
    _, (step,) = _steps(f"backward: [{{zero_grad: {text}}}]")
    assert isinstance(step, ZeroGradStep)
    assert (step.names, step.slots) == (names, slots)


def test_expectations_keep_what_was_written() -> None:
    """Only written keys are checked; a value alone is short for `{value: …}`."""
    graph = load(
        SPEC
        + "expect:\n  z: 2.0\n  z.0: {shape: [], dtype: float, grad_fn: MulBackward0}\n  qr[0]: [1]\n"
        + "  w: {grad: null, rtol: 1e-3, atol: 0, is_leaf: true}\n  b: {grad: 2 * b, grad_fn: null}\n"
    )
    value, part, item, leaf, other = (e.checks for e in graph.expectations)
    assert value["value"].source == Data(2.0)
    assert part == {"shape": (), "dtype": "float32", "grad_fn": "MulBackward0"}
    assert item["value"].source == Data([1])
    assert leaf == {"grad": None, "rtol": 1e-3, "atol": 0.0, "is_leaf": True}
    assert other["grad_fn"] is None
    assert [e.name for e in graph.expectations] == ["z", "z.0", "qr[0]", "w", "b"]


def test_the_head_is_kept() -> None:
    """Version, description, dtype, seed, raises and x- keys are read."""
    graph = load("gradcli: 1\ndescription: d\ndtype: double\nmanual_seed: 7\nraises: t\nx-a: {b: [1]}\nops: {z: 1}")
    assert (graph.description, graph.dtype, graph.manual_seed, graph.raises) == ("d", "float64", 7, "t")
    assert graph.path == "a.yaml"


def test_an_expected_error_is_known_of_a_broken_spec() -> None:
    """What a spec expects to be raised is known even where the spec is what is wrong."""
    assert expected_error("ops: {a: b, b: a}\nraises: need each other", "a.yaml") == "need each other"
    assert expected_error("ops: {a: 1}", "a.yaml") is None
    assert expected_error("ops: [", "a.yaml") is None
