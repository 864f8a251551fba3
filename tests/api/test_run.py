"""The library: load, loads, run, compile and their results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gradcli
from gradcli.api.run import graph
from gradcli.errors import GradcliError, SpecError
from gradcli.render.graph_text import render_graph

LAYER = """
inputs: {x: [1.0, 2.0]}
parameters: {w: [3.0, 4.0]}
ops: {y: (x * w).sum()}
backward: y
"""


def test_a_spec_can_be_run_from_everything(tmp_path: Path) -> None:
    """A path, a text that was loaded, a loaded file and a mapping give the same result."""
    path = tmp_path / "layer.yaml"
    path.write_text(LAYER)
    mapping = {
        "inputs": {"x": [1.0, 2.0]}, "parameters": {"w": [3.0, 4.0]}, "ops": {"y": "(x * w).sum()"}, "backward": "y",
    }  # fmt: skip
    for source in (path, str(path), gradcli.load(path), gradcli.loads(LAYER), mapping):
        result = gradcli.run(source)
        assert result["y"].item() == 11
        assert result["w"].grad.tolist() == [1, 2]


def test_a_result_shows_tensors() -> None:
    """A tensor has values, shape, dtype, flags, grad and the graph behind it, as in PyTorch."""
    result = gradcli.run(gradcli.loads(LAYER))
    w, y = result["w"], result["y"]
    assert isinstance(w, gradcli.Tensor)
    assert isinstance(w.grad, np.ndarray)
    assert isinstance(w.numpy(), np.ndarray)
    assert (w.shape, str(w.dtype), w.requires_grad, w.is_leaf, w.grad_fn) == ((2,), "float32", True, True, None)
    assert (y.requires_grad, y.is_leaf, y.grad, y.grad_fn.name()) == (True, False, None, "SumBackward0")
    ((mul, index),) = y.grad_fn.next_functions
    assert (mul.name(), index) == ("MulBackward0", 0)
    assert [n and n.name() for n, _ in mul.next_functions] == [None, "AccumulateGrad"]
    assert list(result) == result.keys() == ["x", "w", "y"]
    assert len(result) == 3


def test_an_unknown_name_is_a_key_error() -> None:
    """A result says which name was meant."""
    with pytest.raises(KeyError, match="did you mean 'loss'"):
        gradcli.run(gradcli.loads("ops: {loss: 1.0}"))["los"]


def test_mappings_take_arrays() -> None:
    """Arrays keep their dtype and are not copied through text."""
    x = np.array([0.1, np.nan, np.inf], np.float32)
    result = gradcli.run({"inputs": {"x": x, "i": np.arange(3, dtype=np.int8)}, "ops": {"y": "x * i"}})
    np.testing.assert_array_equal(result["x"].numpy(), x)
    assert [str(result[n].dtype) for n in ("x", "i", "y")] == ["float32", "int8", "float32"]


def test_mappings_take_python_s_numbers() -> None:
    """Numbers that JSON lacks are understood, and an array may be the value of a mapping form."""
    value = np.ones(2)
    result = gradcli.run(
        {
            "inputs": {"c": 1 + 2j, "n": float("nan"), "t": (1, 2)},
            "parameters": {"p": {"value": value, "requires_grad": False, "dtype": "float32"}},
        }
    )
    assert result["c"].item() == 1 + 2j
    assert np.isnan(result["n"].item())
    assert result["t"].tolist() == [1, 2]
    assert (str(result["p"].dtype), result["p"].requires_grad) == ("float32", False)


def test_a_compiled_spec_starts_afresh() -> None:
    """Every call is a fresh evaluation: grads do not accumulate from one to the next, random numbers are the same."""
    step = gradcli.compile(gradcli.loads(LAYER + "description: again\n"))
    first, second = step(), step()
    assert first["w"].grad.tolist() == second["w"].grad.tolist() == [1, 2]
    noisy = gradcli.compile(gradcli.loads("ops: {n: rand(3)}"))
    assert noisy()["n"].tolist() == noisy()["n"].tolist()


def test_arguments_replace_inputs_and_parameters() -> None:
    """A call replaces tensors for itself only, by arrays in their own dtype, lists or numbers."""
    step = gradcli.compile(gradcli.loads(LAYER))
    assert step(x=np.array([5.0, 6.0]))["w"].grad.tolist() == [5, 6]
    assert step(x=np.array([5.0, 6.0]))["y"].dtype == np.float64
    assert step(w=[1.0, 1.0])["y"].item() == 3
    assert step(w=step()["x"])["y"].item() == 5
    assert step()["y"].item() == 11


def test_an_unknown_argument_is_an_error() -> None:
    """Only inputs and parameters can be replaced, and the error knows what was meant."""
    step = gradcli.compile(gradcli.loads("inputs: {image: 1.0}\nops: {y: image * 2}"))
    with pytest.raises(SpecError) as caught:
        step(imgae=1.0)
    assert caught.value.diagnostics[0].code == "GC201"
    assert "image" in caught.value.diagnostics[0].hint
    with pytest.raises(SpecError):
        step(y=1.0)


def test_a_dtype_that_specs_do_not_have_is_an_error() -> None:
    """Arrays of other dtypes are refused with their name."""
    with pytest.raises(SpecError, match="no dtype uint16"):
        gradcli.compile(gradcli.loads("inputs: {x: 1}"))(x=np.ones(2, np.uint16))


def test_errors_have_diagnostics() -> None:
    """A SpecError lists every finding, with code, place and source line."""
    with pytest.raises(SpecError) as caught:
        gradcli.loads("inputs: {x: ones(2)}\nops:\n  a: xx + 1\n  b: sofmax(x)\n")
    found = caught.value.diagnostics
    assert [(d.code, d.span.line) for d in found] == [("GC201", 3), ("GC202", 4)]
    assert [d.hint for d in found] == ["did you mean `x`?", "did you mean `softmax`?"]
    assert isinstance(caught.value, GradcliError)


def test_errors_of_an_evaluation_have_source_lines() -> None:
    """What fails while it runs shows the line that it came from."""
    with pytest.raises(SpecError) as caught:
        gradcli.run(gradcli.loads("inputs: {x: ones(2)}\nops:\n  y: x @ ones(3)\n"))
    assert caught.value.diagnostics[0].source_line == "  y: x @ ones(3)"


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """A path that does not exist is a SpecError that knows a similar one."""
    (tmp_path / "layer.yaml").write_text(LAYER)
    with pytest.raises(SpecError, match="there is no such file") as caught:
        gradcli.load(tmp_path / "layr.yaml")
    assert "layer.yaml" in caught.value.diagnostics[0].hint


def test_the_public_names() -> None:
    """What the package offers is what it says, and nothing else is found."""
    assert set(gradcli.__all__) <= set(dir(gradcli))
    assert all(getattr(gradcli, name) is not None for name in gradcli.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        gradcli.nothing


def test_a_carried_tensor_s_own_name_is_its_key(tmp_path: Path) -> None:
    """In `carry`, a file's key defaults to the carried name."""
    np.savez(tmp_path / "weights.npz", h=np.array([1.0, 2.0]), other=np.array([3.0]))
    path = tmp_path / "spec.yaml"
    path.write_text("ops: {y: {carry: {h: {file: weights.npz}}, repeat: 1, ops: {h: h * 2}}}")
    assert gradcli.run(path)["y.h"].tolist() == [2, 4]


def test_files_are_relative_to_the_spec(tmp_path: Path) -> None:
    """A file path is relative to the spec, may not leave its folder, and `key` is the tensor's own name by default."""
    np.savez(tmp_path / "weights.npz", w=np.array([1.0, 2.0]), other=np.array([3.0]))
    path = tmp_path / "spec.yaml"
    path.write_text("parameters: {w: {file: weights.npz}, k: {file: weights.npz, key: other}}\nops: {y: (w * k).sum()}")
    assert gradcli.run(path)["y"].item() == 9
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "spec.yaml").write_text("inputs: {w: {file: ../weights.npz}}")
    with pytest.raises(SpecError) as caught:
        gradcli.load(inner / "spec.yaml")
    assert caught.value.diagnostics[0].code.startswith("GC9")


def test_an_op_with_several_results_requires_grad_if_one_does() -> None:
    """The one forward node of `linalg.qr` says that gradients flow through it."""
    spec = gradcli.loads("parameters: {a: eye(2)}\nops: {qr: linalg.qr(a), s: a.detach().max(0)}")
    found = {node.name: node.requires_grad for node in graph(spec).forward}
    assert (found["qr"], found["s"]) == (True, False)


def test_a_finding_without_a_place_names_its_file(tmp_path: Path) -> None:
    """A missing file and a name that is no tensor's are findings about a file."""
    with pytest.raises(SpecError) as caught:
        gradcli.load(tmp_path / "none.yaml")
    assert caught.value.diagnostics[0].file == str(tmp_path / "none.yaml")
    assert str(caught.value) == f"{tmp_path / 'none.yaml'}: error[GC910]: there is no such file"


def test_a_result_is_named_by_a_number() -> None:
    """What stands in brackets behind a name is the number of a result."""
    result = gradcli.run({"inputs": {"a": "eye(2)"}, "ops": {"qr": "linalg.qr(a)"}})
    assert result["qr[1]"] is result["qr"][1]
    with pytest.raises(KeyError, match="is no tensor of this result"):
        result["qr[Q]"]


@pytest.mark.parametrize("value", [np.array(["a"]), np.array([None]), np.array([1], "uint16"), {1}])
def test_a_mapping_holds_arrays_of_known_dtypes(value: object) -> None:
    """What is no tensor's data is a finding that names the tensor."""
    with pytest.raises(SpecError, match="`x` must be a tensor, not a"):
        gradcli.run({"inputs": {"x": value}})


def test_an_array_in_a_mapping_is_copied_into_native_byte_order() -> None:
    """Big-endian arrays are read as the same numbers, and later changes of an array do not change a spec."""
    array = np.array([1.0, 2.0], ">f4")
    spec = gradcli.run({"inputs": {"x": array}}).spec
    array[:] = 7
    result = gradcli.run(spec)["x"]
    assert (result.numpy().dtype.str[1:], result.tolist()) == ("f4", [1, 2])
    assert result.numpy().dtype.isnative
    assert gradcli.compile(spec)(x=array)["x"].tolist() == [7, 7]


def test_an_alias_is_a_node_without_an_op() -> None:
    """`a: m` is the tensor `m`, not what `m` was made with, made of `m`."""
    spec = gradcli.loads("parameters: {w: ones(2)}\nops: {m: w * 3, a: m}")
    assert [(node.op, node.inputs) for node in graph(spec).forward] == [(None, ()), ("mul", ("w",)), (None, ("m",))]
    assert "a  = m " in render_graph(graph(spec))
