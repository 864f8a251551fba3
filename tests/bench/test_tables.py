"""The benchmark's tables: what they print; never how long anything takes."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import gradcli
from tests.bench import __main__ as command
from tests.bench import growth, processes, start, table

NUMBER = r"\d+(\.\d+)?"
RATIO = rf"({NUMBER}|–)"
ROW = rf"\| 10 ops, one evaluation( by gradcli\.run)? \| {RATIO} \| {NUMBER} \| {RATIO} \| {NUMBER} \|"


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "PAUSE", 0)
    monkeypatch.setattr(table, "LEAST", 1)


@pytest.fixture
def _not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processes import the package from where it is: a byte-compiled copy takes seconds."""

    @contextmanager
    def installed() -> Iterator[dict[str, str]]:
        yield processes.environment(str(processes.ROOT)) | {"PYTHONDONTWRITEBYTECODE": "1"}

    for module in (growth, start):
        monkeypatch.setattr(module, "installed", installed)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """Return the lines that a command prints."""
    command.main(arguments)
    return capsys.readouterr().out.splitlines()


def test_the_table_has_a_row_for_each_workload_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Ratios to torch, NumPy and autograd, and milliseconds, as Markdown."""
    head, rule, *rows = printed(capsys, "small", "small_run", "--seconds", "0")
    assert head == "| workload | to torch | to NumPy | to autograd | ms |"
    assert rule == "|---|---|---|---|---|"
    assert len(rows) == 2
    assert all(re.fullmatch(ROW, row) for row in rows)


def test_several_runs_are_all_printed_and_then_the_worst(capsys: pytest.CaptureFixture[str]) -> None:
    """`--runs 2` measures the table twice."""
    lines = printed(capsys, "small", "--seconds", "0", "--runs", "2")
    assert [line for line in lines if line.endswith(":")] == ["Run 1 of 2:", "Run 2 of 2:", "Worst of 2 runs:"]
    assert len([line for line in lines if re.fullmatch(ROW, line)]) == 3


def test_the_worst_of_each_cell_is_from_any_run() -> None:
    """The highest ratio to each form, and the time that belongs to it."""
    runs = [
        {"a": {"torch": (0.002, 0.001), "numpy": (0.002, 0.001)}}, {"a": {"torch": (0.003, 0.003), "numpy": (0.001, 0.00025)}},
    ]  # fmt: skip
    assert list(table.worst(runs)) == ["| a | 2.00 | 4.00 | – | 1.00 |"]


def test_a_form_that_is_not_there_has_a_dash() -> None:
    """Without torch its column is empty."""
    assert table.row("a", {"numpy": (0.001, 0.002), "autograd": (0.002, 0.008)}) == "| a | – | 0.50 | 0.25 | 1.00 |"


def test_json_has_the_seconds_of_each_form(capsys: pytest.CaptureFixture[str]) -> None:
    """One object per run, gradcli's beside each other form's, and nothing else on standard output."""
    lines = printed(capsys, "small", "--seconds", "0", "--runs", "2", "--json")
    assert len(lines) == 2
    for line in lines:
        assert json.loads(line)["10 ops, one evaluation"].keys() >= {"numpy"}


def test_an_unknown_workload_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """The message lists those that there are."""
    with pytest.raises(SystemExit):
        command.main(["smal"])
    assert "no workload smal; there are chain, elementwise" in capsys.readouterr().err


@pytest.mark.usefixtures("_not_copied")
def test_growth_prints_seconds_and_memory_by_length(capsys: pytest.CaptureFixture[str]) -> None:
    """A row for each length."""
    *_, head, _, first, second = printed(capsys, "growth", "3", "1000", "--line", "tanh({h} * a + b)")
    assert head == "| lines | s | MiB | µs per line |"
    assert re.fullmatch(rf"\| 3 \| {NUMBER} \| {NUMBER} \| {NUMBER} \|", first)
    assert re.fullmatch(rf"\| 1,000 \| {NUMBER} \| {NUMBER} \| {NUMBER} \|", second)


def test_the_chain_of_growth_is_a_spec(tmp_path: Path) -> None:
    """Its grad is that of tanh applied twice."""
    path = tmp_path / "chain.yaml"
    growth.write(path, 2, "tanh({h})")
    result = gradcli.run(path)
    expected = (1 - result["h0"].item() ** 2) * (1 - result["h1"].item() ** 2)
    assert result["x"].grad == pytest.approx(expected, rel=1e-5)


@pytest.mark.usefixtures("_not_copied")
def test_start_compares_with_the_imports_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processor and wall time of each program, and both ratios."""
    monkeypatch.setattr(start, "find_spec", lambda name: None)
    head, _, ours, imports = printed(capsys, "start", "--repeat", "1")
    assert head == "| program | user + system, ms | wall, ms | gradcli to it |"
    assert re.fullmatch(rf"\| gradcli run specs/basics/one_layer\.yaml \| {NUMBER} \| {NUMBER} \|  \|", ours)
    assert re.fullmatch(
        rf"\| python -c \"import numpy, .*\" \| {NUMBER} \| {NUMBER} \| {NUMBER}, wall {NUMBER} \|", imports
    )


def test_torch_starts_with_the_same_program(capsys: pytest.CaptureFixture[str]) -> None:
    """The program that torch is timed with gives the numbers of the spec."""
    torch = pytest.importorskip("torch")
    found: dict[str, object] = {}
    exec(start.TORCH, found)
    result = gradcli.run(processes.ROOT / start.SPEC)
    for name in ("w", "b"):
        torch.testing.assert_close(found[name].grad, torch.from_numpy(result[name].grad))  # type: ignore[attr-defined]
    assert "tensor(0.6819" in capsys.readouterr().out


def test_a_process_that_fails_is_no_measurement() -> None:
    """Its words on standard error are in the exception."""
    with pytest.raises(processes.CalledProcessError) as caught:
        processes.spent([sys.executable, "-c", "raise SystemExit('no')"], processes.environment(""))
    assert caught.value.stderr == b"no\n"


def test_a_process_has_time_and_memory() -> None:
    """All three numbers are there."""
    assert min(processes.spent([sys.executable, "-c", "sum(range(10_000))"], processes.environment(""))) > 0


def test_growth_and_start_import_no_numpy() -> None:
    """The memory of a process counts that of its parent, which has to be small."""
    code = "import sys, tests.bench.__main__, tests.bench.growth, tests.bench.start; sys.exit('numpy' in sys.modules)"
    processes.spent([sys.executable, "-c", code], processes.environment(str(processes.ROOT)))
