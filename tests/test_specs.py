"""Specs and README: what the examples expect, and what README's blocks print."""

from __future__ import annotations

import doctest
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gradcli.api.checking import findings
from gradcli.api.testing import find
from gradcli.api.testing import test_spec as hold
from gradcli.report.test import SpecResult

ROOT = Path(__file__).parent.parent
SPECS = [Path(path).relative_to(ROOT) for path in find([str(ROOT / "specs")])]
EACH_SPEC = pytest.mark.parametrize(
    "path", SPECS, ids=lambda path: path.relative_to("specs").with_suffix("").as_posix()
)
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCK.findall(README) if name == language]


def transcripts() -> list[tuple[str, str]]:
    """The commands of README's `console` blocks, each with what it prints there."""
    entries = [entry for block in blocks("console") for entry in re.split(r"^\$ ", block, flags=re.MULTILINE) if entry]
    return [(command, printed) for command, _, printed in (entry.partition("\n") for entry in entries)]


def failure(result: SpecResult) -> str:
    return "\n".join(map(str, (*result.mismatches, *result.diagnostics)))


@EACH_SPEC
def test_a_spec_holds_what_it_expects(path: Path):
    """Every spec under specs/ evaluates to what its `expect` says, or raises what its `raises` says."""
    result = hold(str(ROOT / path))
    assert result.passed, failure(result)
    assert result.checked, "it expects nothing"


@EACH_SPEC
def test_check_finds_only_what_a_spec_raises(path: Path):
    """Nothing is wrong with a spec before it is evaluated, except what its `raises` says."""
    raised = re.search(r'^raises: "?(.*?)"?$', (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    others = [d for d in findings(ROOT / path) if raised is None or raised[1] not in d.message]
    assert others == []


@EACH_SPEC
def test_a_spec_says_what_it_teaches(path: Path):
    """Every spec has a description, and no line that has to be scrolled."""
    text = (ROOT / path).read_text(encoding="utf-8")
    assert re.search(r"^description: \S", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("text", blocks("yaml"))
def test_a_spec_in_readme_holds_what_it_expects(text: str, tmp_path: Path):
    """Every YAML block of README is a whole spec that passes."""
    (tmp_path / "spec.yaml").write_text(text, encoding="utf-8")
    result = hold(str(tmp_path / "spec.yaml"))
    assert result.passed, failure(result)


def test_readme_shows_the_layer_as_it_is():
    """The first spec in README is that of specs/basics/one_layer.yaml, without its expectations."""
    lines = (ROOT / "specs/basics/one_layer.yaml").read_text(encoding="utf-8").splitlines()
    shown = [line.partition("  #")[0].rstrip() for line in blocks("yaml")[0].splitlines()]
    kept = [line.partition("  #")[0].rstrip() for line in lines]
    assert shown == kept[kept.index("inputs:") : kept.index("expect:")]


@pytest.mark.parametrize(("command", "printed"), transcripts())
def test_a_command_in_readme_prints_what_it_says(command: str, printed: str):
    """Every `$ gradcli …` of README prints the lines below it, byte for byte."""
    program, *arguments = shlex.split(command)
    assert program == "gradcli"
    done = subprocess.run(
        [sys.executable, "-m", "gradcli", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    assert done.stdout.rstrip("\n") == printed.rstrip("\n")


@pytest.mark.parametrize("session", blocks("pycon"))
def test_a_python_session_in_readme_is_real(session: str, monkeypatch: pytest.MonkeyPatch):
    """Every `>>>` of README answers as it says there."""
    monkeypatch.chdir(ROOT)
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(doctest.DocTestParser().get_doctest(session, {}, "README.md", "README.md", 0))
    assert runner.summarize(verbose=False).failed == 0


def test_readme_starts_with_two_commands():
    """README's first two blocks are one shell command line each, which .ci/run takes from there."""
    first, second = BLOCK.findall(README)[:2]
    assert [first[0], second[0]] == ["sh", "sh"]
    assert first[1].count("\n") == second[1].count("\n") == 1
    assert len(blocks("sh")) == 2
