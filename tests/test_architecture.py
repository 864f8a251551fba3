"""The architecture: layers, who may import what, light imports, names and docstrings."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gradcli"
LAYERS = ("cli", "render", "bench", "api", "report", "spec", "exchange", "graph", "autograd", "ops", "types", "source")
"""From the top down; a layer imports only those after it."""
HOMES = {"rich": ("render/",), "typer": ("cli/",), "yaml": ("spec/document.py", "spec/yaml_")}
DEFERRED = {"scipy": ("ops/",), "safetensors": ("exchange/",)}
ALLOWED = {"numpy", *HOMES, *DEFERRED}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc", "handler"}
TOP_LEVEL = {"gradcli", "specs", "tests", "pyproject.toml", "README.md"}

MODULES = sorted(PACKAGE.rglob("*.py"))
IDS = [path.relative_to(PACKAGE).as_posix() for path in MODULES]
each_module = pytest.mark.parametrize("path", MODULES, ids=IDS)


class Import:
    """One import of a module: its full name, its line, and whether it runs only inside a function."""

    def __init__(self, module: str, line: int, deferred: bool) -> None:
        self.module, self.line, self.deferred = module, line, deferred

    def __str__(self) -> str:
        return f"line {self.line}: {self.module}"


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> list[Import]:
    """Return what a module imports when it runs; imports for type checkers are left out."""
    return list(_walk(tree(path), False))


def _walk(node: ast.AST, deferred: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, node.lineno, deferred) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, f"line {node.lineno}: a relative import"
        yield from (Import(f"{node.module}.{alias.name}", node.lineno, deferred) for alias in node.names)
    elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        for child in node.orelse:
            yield from _walk(child, deferred)
    else:
        inside = deferred or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for child in ast.iter_child_nodes(node):
            yield from _walk(child, inside)


def layer(module: str) -> str | None:
    """Return the layer of a full module name, or None for what belongs to none."""
    words = module.split(".")
    return words[1] if words[0] == "gradcli" and len(words) > 1 and words[1] in LAYERS else None


def third_party(path: Path) -> Iterator[tuple[str, Import]]:
    for found in imports(path):
        top = found.module.partition(".")[0]
        if top != "gradcli" and top not in sys.stdlib_module_names:
            yield top, found


@each_module
def test_imports_go_down_only(path: Path) -> None:
    """No module imports a layer above its own, not even inside a function."""
    own = layer("gradcli." + path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", "."))
    if own is None:
        assert path.parent == PACKAGE
        return
    above = LAYERS[: LAYERS.index(own)]
    wrong = [str(i) for i in imports(path) if layer(i.module) in above]
    assert not wrong, f"{own} imports a layer above it: {wrong}"


def test_errors_imports_only_source() -> None:
    """What every layer may import stands on the lowest one."""
    found = {layer(i.module) for i in imports(PACKAGE / "errors.py") if i.module.startswith("gradcli")}
    assert found == {"source"}


@each_module
def test_third_party_packages_stay_in_their_homes(path: Path) -> None:
    """rich stays in render/, typer in cli/, yaml in the document; extras in functions; torch is nowhere."""
    relative = path.relative_to(PACKAGE).as_posix()
    for top, found in third_party(path):
        assert top in ALLOWED, found
        home = HOMES.get(top) or DEFERRED.get(top)
        assert home is None or relative.startswith(home), f"{found} belongs to {home}"
        assert top not in DEFERRED or found.deferred, f"{found} must be imported inside the function that needs it"


@each_module
def test_a_module_says_which_noun_it_is(path: Path) -> None:
    """Every module's docstring begins with a noun phrase in one line; an empty __init__ needs none."""
    if path.name == "__init__.py" and not tree(path).body:
        return
    docstring = ast.get_docstring(tree(path))
    assert docstring, "no docstring"
    first = docstring.splitlines()[0]
    assert re.match(r"[`A-Z\w].*[.:]$", first), first
    assert len(first.split()) > 1, first


@each_module
def test_no_module_is_a_drawer(path: Path) -> None:
    """No module is named after nothing in particular."""
    assert not set(path.stem.strip("_").split("_")) & FORBIDDEN_NAMES


def tracked() -> list[str]:
    """Return the files of the repository: those that git knows and those that it does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [line for line in output.splitlines() if (ROOT / line).is_file()]


def test_the_top_level_holds_only_what_is_agreed() -> None:
    """The top level is gradcli/ specs/ tests/ pyproject.toml README.md and dot-files."""
    tops = {line.partition("/")[0] for line in tracked()}
    assert not {top for top in tops if not top.startswith(".")} - TOP_LEVEL


def test_no_file_names_a_machine() -> None:
    """No file of the repository holds a path of the machine that it was written on."""
    homes = [b"/wo" + b"rk/", b"/tmp/" + b"gc", b"/opt/" + b"gc", b"/ro" + b"ot/", bytes(Path.home() / "x")[:-1]]
    found = {line for line in tracked() for home in homes if len(home) > 2 and home in (ROOT / line).read_bytes()}
    assert not found


def loaded(*arguments: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after some code or a command line."""
    code = arguments[0] if len(arguments) == 1 else _COMMAND.format(list(arguments))
    code += "\nimport sys; sys.stderr.write('MODULES ' + ' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert "MODULES " in done.stderr, done.stderr
    return set(done.stderr.partition("MODULES ")[2].split())


_COMMAND = "from gradcli.cli.main import invoke\nassert invoke({}[1:]) == 0"


def test_importing_the_package_imports_no_numpy() -> None:
    """`import gradcli` costs next to nothing: its names are imported when they are used."""
    assert not loaded("import gradcli") & {"numpy", "yaml", "typer", "rich"}


@pytest.mark.parametrize("line", ["--help", "run --help", "--version", "schema", "explain GC301"])
def test_what_needs_no_numbers_imports_no_numpy(line: str) -> None:
    """Help, version, schema and explanations import neither numpy nor rich's tables."""
    assert not loaded("gradcli", *line.split()) & {"numpy", "rich.table", "scipy", "yaml"}


def test_running_a_spec_imports_no_optional_package() -> None:
    """A run that needs no special function imports no scipy, and none imports torch."""
    found = loaded("import gradcli; gradcli.run({'parameters': {'x': 2.0}, 'ops': {'y': 'x * x'}, 'backward': 'y'})")
    assert not found & {"scipy", "torch", "safetensors", "rich", "typer"}


@pytest.mark.parametrize("verb", ["run", "check"])
def test_a_verb_imports_what_it_uses(verb: str) -> None:
    """Off a terminal a command loads one verb, and neither rich nor what only mistakes and output files need."""
    found = loaded("gradcli", verb, "specs/basics/one_layer.yaml")
    verbs = {path.stem for path in (PACKAGE / "cli").glob("*.py")} - {"__init__", "main", "options", "streams"}
    assert {name for name in verbs if f"gradcli.cli.{name}" in found} == {verb}
    assert not found & {"rich", "gradcli.spec.yaml_mistakes", "gradcli.spec.quoting", "gradcli.spec.edit"}
