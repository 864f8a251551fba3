"""Streams, exit codes and signals of the real command, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import gradcli
from tests.cli.transcript import SPECS, captured

COMMAND = [sys.executable, "-m", "gradcli"]
ROOT = Path(gradcli.__file__).parent.parent


def process(*arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Return what a command line does in a process of its own, with some environment variables."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run([*COMMAND, *arguments], capture_output=True, cwd=SPECS, env=environment, check=False)


def test_the_module_is_the_command() -> None:
    """`python -m gradcli` runs a spec, prints UTF-8 whatever the locale says, and exits with 0."""
    done = process("run", "kink.yaml", LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="")
    assert (done.returncode, done.stderr) == (0, b"")
    assert "float32 · seed 0" in done.stdout.decode("utf-8")


def test_output_is_the_same_bytes_every_time() -> None:
    """Two runs of one spec print the same bytes, for people and for programs, whatever the hash seed."""
    for form in ("table", "json"):
        one, other = (process("run", "odd.yaml", "-f", form, PYTHONHASHSEED=seed) for seed in ("1", "2"))
        assert one.returncode == 0
        assert one.stdout == other.stdout


def test_the_version() -> None:
    """--version prints the package's version."""
    assert captured(["--version"], {}) == (f"gradcli {gradcli.__version__}\n", "", 0)


def test_a_closed_pipe_is_silent() -> None:
    """A reader that goes away after one line gets no complaint."""
    script = f"{sys.executable} -m gradcli ops | head -1; exit ${{PIPESTATUS[0]}}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", script], capture_output=True, cwd=SPECS, env=environment, check=False)
    assert done.stderr == b""
    assert done.returncode == 0
    assert done.stdout.count(b"\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_control_c_is_130() -> None:
    """An interrupted run says nothing of Python and exits with 130."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    endless = subprocess.Popen(
        [*COMMAND, "run", "endless.yaml", "--max-steps", "1000000000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=SPECS, env=environment,
    )  # fmt: skip
    try:
        time.sleep(1.5)
        endless.send_signal(signal.SIGINT)
        _, err = endless.communicate(timeout=20)
    finally:
        endless.kill()
    assert endless.returncode == 130
    assert b"Traceback" not in err


def test_an_internal_fault_is_3_with_what_to_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of gradcli is exit 3, with the error and the place to report and no traceback."""
    import gradcli.api.run

    def broken(*_: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(gradcli.api.spec, "load", broken)
    out, err, code = captured(["run", str(SPECS / "kink.yaml")], {})
    assert (out, code) == ("", 3)
    assert "internal error: ZeroDivisionError: on purpose" in err
    assert "Please report" in err
    assert "Traceback" not in err


def test_exit_codes_of_several_specs() -> None:
    """All specs are done and the highest code wins."""
    layer, wrong, shape = (str(SPECS / name) for name in ("layer.yaml", "wrong.yaml", "shape.yaml"))
    assert captured(["run", shape, layer, "--format", "json"], {})[2] == 2
    out, _, code = captured(["gradcheck", shape, layer], {})
    assert code == 2
    assert "layer.yaml" in out
    assert captured(["test", layer, wrong], {})[2] == 1


def test_json_of_a_run_is_the_contract_s() -> None:
    """One line for each spec, with exactly the keys that the contract lists."""
    out, _, code = captured(["run", str(SPECS / "jacobian.yaml"), str(SPECS / "odd.yaml"), "--format", "json"], {})
    assert code == 0
    first, second = map(json.loads, out.splitlines())
    assert list(first) == ["gradcli", "spec", "dtype", "manual_seed", "tensors", "backward"]
    keys = ["kind", "op", "shape", "dtype", "requires_grad", "is_leaf", "grad_fn", "value", "grad"]
    assert all(list(row) == keys for data in (first, second) for row in data["tensors"].values())
    steps = first["backward"]
    assert [list(step) for step in steps] == [["label", "output", "v", "grads"]] * 2 + [
        ["zero_grad", "grads"],
        ["label", "output", "v", "grads"],
    ]
    assert (steps[0]["label"], steps[0]["output"], len(steps[0]["v"])) == ("First call", ["out"], 1)
    assert steps[2] == {"zero_grad": ["inp"], "grads": {"inp": None}}
    tensors = second["tensors"]
    assert tensors["nans"]["value"] == ["nan", "inf", "-inf", 0.1]
    assert tensors["c"]["value"] == [[1.0, 2.0], [0.5, -1.0]]
    assert (tensors["n"]["kind"], tensors["n"]["value"]) == ("number", 4)


def test_json_of_errors_is_the_contract_s() -> None:
    """Errors are a list beside what was finished before them."""
    out, _, code = captured(["run", str(SPECS / "shape.yaml"), "--format", "json"], {})
    data = json.loads(out)
    assert code == 2
    assert list(data["tensors"]) == ["a", "b", "s"]
    (error,) = data["errors"]
    assert list(error) == ["code", "severity", "message", "file", "line", "column", "hint"]
    assert (error["code"], error["line"], error["column"]) == ("GC301", 6, 6)


def test_json_of_a_graph_is_the_contract_s() -> None:
    """Nodes of both views have the contract's keys; ids count in pre-order, and a missing edge is null."""
    data = json.loads(captured(["graph", str(SPECS / "layer.yaml"), "--format", "json"], {})[0])
    forward, backward = data["forward"]["nodes"], data["backward"]["nodes"]
    assert all(list(n) == ["name", "op", "inputs", "shape", "dtype", "requires_grad", "line"] for n in forward)
    assert [n["name"] for n in forward] == ["x", "y", "w", "b", "z.0", "z", "loss"]
    assert all(list(n) == ["id", "name", "tensor", "next_functions"] for n in backward)
    assert [n["id"] for n in backward] == list(range(len(backward)))
    assert backward[0] == {"id": 0, "name": "MseLossBackward0", "tensor": None, "next_functions": [[1, 0], None]}
    assert {n["tensor"] for n in backward if n["name"] == "AccumulateGrad"} == {"w", "b"}


def test_floats_read_back_exactly() -> None:
    """Numbers in JSON are the shortest decimals that read back in their dtype."""
    import numpy as np

    text = 'inputs: {x: {value: "[0.1, 1e-45, 3.4e38, 16777217.0]", dtype: float32}, y: {value: 0.1, dtype: float16}}'
    out, _, code = captured(["run", "-", "--format", "json"], {}, text.encode())
    assert code == 0
    tensors = json.loads(out)["tensors"]
    assert tensors["x"]["value"][0] == 0.1
    expected = np.array([0.1, 1e-45, 3.4e38, 16777217.0], np.float32)
    np.testing.assert_array_equal(np.array(tensors["x"]["value"], np.float32), expected)
    assert tensors["y"]["value"] == 0.1


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_array_files_hold_tensors_and_grads(tmp_path: Path, suffix: str) -> None:
    """.npz and .safetensors hold NAME and NAME.grad at full precision, and a spec can read them back."""
    file = tmp_path / f"out{suffix}"
    assert captured(["run", str(SPECS / "layer.yaml"), "-o", str(file)], {}) == ("", "", 0)
    spec = tmp_path / "again.yaml"
    spec.write_text(f"inputs: {{w: {{file: out{suffix}}}, g: {{file: out{suffix}, key: w.grad}}}}")
    result = gradcli.run(spec)
    assert result["w"].tolist() == [[0.5, -1.0], [0.25, 2.0], [0.25, 0.0]]
    assert result["g"].tolist() == [[1, 1], [1, 1], [1, 1]]


def test_a_failed_run_writes_no_file(tmp_path: Path) -> None:
    """A file appears whole or not at all."""
    file = tmp_path / "out.json"
    assert captured(["run", str(SPECS / "shape.yaml"), "-o", str(file)], {})[2] == 2
    assert not list(tmp_path.iterdir())


def test_a_seed_vector_can_be_a_file(tmp_path: Path) -> None:
    """`-v @file.npy` reads v from a file, relative to the current folder."""
    import numpy as np

    np.save(tmp_path / "v.npy", np.array([1.0, 10.0], np.float32))
    arguments = ["run", str(SPECS / "layer.yaml"), "-b", "z", "-v", f"@{tmp_path / 'v.npy'}", "--select", "b.grad"]
    assert captured(arguments, {}) == ("tensor([ 1., 10.])\n", "", 0)


def test_files_outside_the_spec_s_folder_need_leave(tmp_path: Path) -> None:
    """A path out of the spec's folder is refused, and read with --allow-path."""
    import numpy as np

    np.save(tmp_path / "x.npy", np.ones(2))
    inner = tmp_path / "inner"
    inner.mkdir()
    spec = inner / "spec.yaml"
    spec.write_text("inputs: {x: {file: ../x.npy}}")
    _, err, code = captured(["run", str(spec)], {})
    assert code == 2
    assert "error[GC9" in err
    assert captured(["run", str(spec), "--allow-path", str(tmp_path), "--select", "x"], {})[::2] == (
        "tensor([1., 1.], dtype=torch.float64)\n",
        0,
    )


def test_the_schema_is_a_json_schema_that_the_specs_fit() -> None:
    """`gradcli schema` prints a valid JSON Schema, and the transcripts' good specs are valid by it."""
    import yaml

    jsonschema = pytest.importorskip("jsonschema", reason="the test extra has it")
    schema = json.loads(captured(["schema"], {})[0])
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    for name in ("layer", "jacobian", "second", "loop", "odd", "kink"):
        validator(schema).validate(yaml.safe_load((SPECS / f"{name}.yaml").read_text()))
    with pytest.raises(jsonschema.ValidationError):
        validator(schema).validate(yaml.safe_load((SPECS / "typo.yaml").read_text()))


def test_ops_lists_every_op() -> None:
    """`gradcli ops` without a name lists all ops with signature and grad_fn."""
    out, err, code = captured(["ops"], {})
    assert (err, code) == ("", 0)
    assert "matmul(input: Tensor, other: Tensor)" in out
    assert "MmBackward0" in out
    assert out.count("\n") > 200


@pytest.mark.parametrize("form", ["svg", "html"])
def test_drawings_are_well_formed(form: str) -> None:
    """SVG is XML, and HTML holds it."""
    from xml.etree import ElementTree

    out, err, code = captured(["graph", str(SPECS / "layer.yaml"), "--format", form], {})
    assert (err, code) == ("", 0)
    svg = out[out.index("<svg") : out.index("</svg>") + len("</svg>")]
    assert "MseLoss" in svg or "mse_loss" in "".join(ElementTree.fromstring(svg).itertext())
