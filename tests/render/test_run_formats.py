"""The formats of `run`: table, JSON, YAML, CSV and Markdown."""

from __future__ import annotations

import csv as stdlib_csv
import io
import json as stdlib_json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import yaml as pyyaml
from rich.cells import cell_len

from gradcli.render import csv, json, markdown, table, yaml
from gradcli.report.check import CheckReport
from gradcli.report.run import RunReport, number_row

from .samples import BROKEN, LAYER, ODD, f32, row
from .snapshot import assert_snapshot

REPORTS = {"layer": LAYER, "odd": ODD}
FORMATS: dict[str, Any] = {
    "txt": table.render_run,
    "json": json.render_run,
    "yaml": yaml.render_run,
    "csv": csv.render_run,
    "md": markdown.render_run,
}


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", REPORTS)
def test_snapshots(name: str, suffix: str) -> None:
    """Every format shows a plain and an odd report as its snapshot has it."""
    assert_snapshot(f"{name}.{suffix}.txt", FORMATS[suffix](REPORTS[name]))


@pytest.mark.parametrize("width", [40, 80])
def test_narrow_snapshots(width: int) -> None:
    """A narrow terminal gets a table that is folded for it."""
    assert_snapshot(f"layer-{width}.txt", table.render_run(LAYER, width=width))


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("report", [LAYER, ODD, BROKEN, RunReport("empty.yaml")])
def test_whole_lines_without_trailing_spaces(report: RunReport, suffix: str) -> None:
    """Every text ends with one newline, no line with a space, and the same report gives the same bytes."""
    text = FORMATS[suffix](report)
    assert text == FORMATS[suffix](report)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert not [line for line in text.splitlines() if line != line.rstrip()]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 120])
@pytest.mark.parametrize("report", [LAYER, ODD])
def test_table_fits_its_terminal(report: RunReport, width: int) -> None:
    """No line of a table is wider than the terminal, and every name is still there."""
    text = table.render_run(report, width=width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert all(entry.name in text for entry in report.tensors)


def test_table_off_a_terminal_is_not_wrapped() -> None:
    """Off a terminal a vector of 500 elements is one line with all of them."""
    report = RunReport("a.yaml", "d" * 300, tensors=(row("n" * 200, "input", f32(np.arange(500) / 8)),))
    lines = table.render_run(report).splitlines()
    assert "d" * 300 in lines
    assert [line.count(",") for line in lines if "tensor(" in line] == [499]


def test_table_colours_on_request_only() -> None:
    """Escape sequences appear only where colour is asked for, and change nothing else."""
    assert "\x1b" not in table.render_run(LAYER)
    coloured = table.render_run(LAYER, color=True)
    assert "\x1b[1mloss" in coloured


def test_table_ignores_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """COLUMNS, FORCE_COLOR and TERM do not change what is printed off a terminal."""
    plain = table.render_run(LAYER)
    for name, value in {"COLUMNS": "30", "FORCE_COLOR": "1", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    assert table.render_run(LAYER) == plain


def test_precision_and_full() -> None:
    """Tables and Markdown take digits and `full`, which shows what a summary leaves out."""
    report = RunReport("a.yaml", tensors=(row("x", "input", f32(np.arange(1001) / 7)),))
    for render in (table.render_run, markdown.render_run):
        assert " ..., " in render(report)
        assert "0.14, " in render(report, precision=2)
        assert "71.4286" in render(report, full=True)
        assert "..." not in render(report, full=True)


def test_json_is_one_line_in_the_order_of_the_contract() -> None:
    """JSON has the contract's keys in their order, `errors` only where there are some."""
    text = json.render_run(LAYER)
    assert text.count("\n") == 1
    data = stdlib_json.loads(text)
    assert list(data) == ["gradcli", "spec", "dtype", "manual_seed", "tensors", "backward"]
    tensor = ["kind", "op", "shape", "dtype", "requires_grad", "is_leaf", "grad_fn", "value", "grad"]
    assert [list(entry) for entry in data["tensors"].values()] == [tensor] * 4
    assert data["backward"] == [
        {"label": None, "output": ["loss"], "v": [1.0], "grads": {"w": [[0.1, 0.2], [0.1, 0.2]]}}
    ]


def test_json_errors_stand_beside_what_was_finished() -> None:
    """A run that ended with an error lists it after the tensors that were there; `check` prints the list alone."""
    error = {
        "code": "GC301", "severity": "error", "message": "shapes do not fit",
        "file": "a.yaml", "line": 7, "column": 6, "hint": "transpose b",
    }  # fmt: skip
    data = stdlib_json.loads(json.render_run(BROKEN))
    assert (list(data["tensors"]), data["errors"]) == (["x"], [error])
    assert stdlib_json.loads(json.render_check(CheckReport(("a.yaml",), BROKEN.diagnostics))) == [error]
    assert json.render_check(CheckReport(("a.yaml",))) == "[]\n"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_json_floats_are_the_shortest_that_read_back(dtype: Any) -> None:
    """Every float is spelled with as few digits as its dtype needs, and reads back as the same number."""
    bits = np.random.RandomState(0).bytes(20_000 * np.dtype(dtype).itemsize)
    array = np.frombuffer(bits, dtype)
    array = array[np.isfinite(array)]
    value = stdlib_json.loads(json.render_run(RunReport("a", tensors=(row("x", "input", array),))))["tensors"]["x"][
        "value"
    ]
    np.testing.assert_array_equal(np.array(value).astype(dtype), array, strict=True)
    shortest = [np.format_float_scientific(item, unique=True) for item in array]
    assert [float(text) for text in shortest] == value


def test_json_spells_what_is_not_finite_or_complex() -> None:
    """NaN and infinities are strings, complex numbers pairs, in tensors and in Python numbers alike."""
    tensors = (row("x", "input", f32([np.nan, np.inf, -np.inf, 0.1])), number_row("y", float("-inf")))
    pairs = (row("z", "input", np.array([[1j, complex(np.nan, 2)]], np.complex64)), number_row("k", 1 + 2j))
    data = stdlib_json.loads(json.render_run(RunReport("a", tensors=(*tensors, *pairs))))["tensors"]
    assert data["x"]["value"] == ["nan", "inf", "-inf", 0.1]
    assert data["y"]["value"] == "-inf"
    assert data["z"]["value"] == [[[0.0, 1.0], ["nan", 2.0]]]
    assert data["k"]["value"] == [1.0, 2.0]


def test_json_is_utf8() -> None:
    """Names in any script stand as they are, and bytes of a file name that are no UTF-8 are escaped."""
    text = json.render_run(ODD._replace(spec="a\udcff.yaml"))
    assert '"손실"' in text
    assert stdlib_json.loads(text.encode("utf-8"))["spec"] == "a\udcff.yaml"


def test_yaml_is_the_json_data() -> None:
    """YAML reads back as what JSON says, in PyYAML too, but NaN and infinities are numbers."""
    report = ODD._replace(spec="yes", tensors=ODD.tensors[1:], steps=ODD.steps[1:])
    documents = list(pyyaml.safe_load_all(yaml.render_run(LAYER) + yaml.render_run(report) + yaml.render_run(BROKEN)))
    assert documents == [stdlib_json.loads(json.render_run(each)) for each in (LAYER, report, BROKEN)]
    value = pyyaml.safe_load(yaml.render_run(ODD))["tensors"]["손실"]["value"]
    np.testing.assert_array_equal(value, [np.nan, np.inf, -np.inf, 1e-5])


@pytest.mark.parametrize("label", ["nan", "a: b # c", "- x", "", "1e5", "\x85\ufeff\x9f 😀", "null", "'\"\\\n", "x "])
def test_yaml_keeps_any_label(label: str) -> None:
    """A label reads back as the text that it was."""
    step = LAYER.steps[0]._replace(label=label)
    assert pyyaml.safe_load(yaml.render_run(LAYER._replace(steps=(step,))))["backward"][0]["label"] == label


def test_csv_has_a_row_for_every_element() -> None:
    """A data frame of the CSV has the values and grads in row-major order with their indices."""
    rows = list(stdlib_csv.DictReader(io.StringIO(csv.render_run(LAYER))))
    w = [(entry["index"], float(entry["value"]), float(entry["grad"])) for entry in rows if entry["name"] == "w"]
    assert w == [("[0, 0]", 1.5, 0.1), ("[0, 1]", -0.25, 0.2), ("[1, 0]", 0.5, 0.1), ("[1, 1]", 2.0, 0.2)]
    assert csv.render_run(LAYER) == ",".join(csv.COLUMNS) + "\n" + csv.render_run(LAYER, header=False)


def test_markdown_escapes_what_would_be_markup() -> None:
    """A heading with brackets is text, and a bar inside an expression stays."""
    text = markdown.render_run(ODD)
    assert "### First: \\[bold\\]call\n\nbackward `a | b` with v `[2]`, `out`" in text


def test_data_formats_import_no_rich() -> None:
    """JSON, YAML, CSV and the graph's JSON are rendered without rich, and reports without NumPy."""
    modules = "gradcli.render.json, gradcli.render.yaml, gradcli.render.csv, gradcli.render.graph_json"
    for names, unwanted in (
        (modules, "rich"),
        ("gradcli.report.run, gradcli.report.graph, gradcli.report.test", "numpy"),
    ):
        code = f"import sys, {names}; print({unwanted!r} in sys.modules)"
        assert (
            subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
        )
