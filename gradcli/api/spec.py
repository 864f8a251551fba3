"""Reading specs: from a file, standard input or a text, with what the command line changes about them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcli.errors import SpecError
from gradcli.graph.graph import Data, Graph, Mark
from gradcli.source.diagnostic import Diagnostic
from gradcli.source.span import Span
from gradcli.spec.findings import nearest

if TYPE_CHECKING:
    from gradcli.spec.yaml_nodes import Yaml

STDIN = "-"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Options:
    """What may be changed about a spec before it is evaluated, as `gradcli run` offers it."""

    set: Mapping[str, str] = field(default_factory=dict)
    backward: Sequence[tuple[str, str | None]] = ()
    freeze: Sequence[str] = ()
    retain_grad: Sequence[str] = ()
    allow_path: Sequence[Path] = ()


@dataclass(slots=True, eq=False, repr=False)
class Spec:
    """A spec that was read: its graph, the name of its file and its lines."""

    graph: Graph
    file: str
    lines: Sequence[str] = ()

    def located(self, error: SpecError) -> SpecError:
        """Return an error whose findings carry their file and the source lines that their carets point into."""
        return SpecError([self._with_line(d).about(self.file) for d in error.diagnostics])

    def _with_line(self, d: Diagnostic) -> Diagnostic:
        here = d.span is not None and d.span.file == self.file and d.source_line is None
        if here and d.span is not None and 0 < d.span.line <= len(self.lines):
            return d._replace(source_line=self.lines[d.span.line - 1])
        return d


def read_text(path: str | Path) -> bytes:
    """Return the bytes of a spec; `-` is standard input. Raises SpecError (GC910, GC911)."""
    if str(path) == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise SpecError(
            Diagnostic("GC910", "there is no such file", None, _similar_file(Path(path)), file=str(path))
        ) from None
    except IsADirectoryError:
        hint = "name a file in it, or use `gradcli test` for a whole folder"
        raise SpecError(Diagnostic("GC911", "this is a folder, not a spec", None, hint, file=str(path))) from None
    except OSError as error:
        raise SpecError(Diagnostic("GC911", (error.strerror or str(error)).lower(), file=str(path))) from None


def _similar_file(path: Path) -> str | None:
    folder = path.parent
    names = {p.stem: p for p in sorted(folder.glob("*.y*ml"))} if folder.is_dir() else {}
    near = nearest(path.stem, names)
    return f"did you mean `{names[near]}`?" if near else None


def load(path: str | Path, options: Options | None = None) -> Spec:
    """Read a spec from a file. Raises SpecError with all that is wrong with it.

    Example: `load("specs/basics/one_layer.yaml")`.
    """
    return load_text(read_text(path), path, options)


def load_text(text: bytes, path: str | Path, options: Options | None = None) -> Spec:
    """Read a spec from the bytes of a file."""
    folder = Path.cwd() if str(path) == STDIN else Path(path).parent
    return _load(text, str(path), folder, options or Options())


def loads(text: str | bytes, name: str = STDIN, options: Options | None = None) -> Spec:
    """Read a spec from a text; files that it names are relative to the current folder.

    Example: `loads("parameters: {x: 2.0}\\nops: {y: x * x}\\nbackward: y")`.
    """
    return _load(text, name, Path.cwd(), options or Options())


def from_mapping(data: Mapping[str, Any], options: Options | None = None) -> Spec:
    """Read a spec from Python data in the form of a document; its values may be NumPy arrays.

    Example: `from_mapping({"parameters": {"x": np.ones(3)}, "ops": {"y": "x.sum()"}})`.
    """
    from gradcli.spec.yaml_nodes import from_data

    return _from_tree(from_data(data), "<mapping>", (), Path.cwd(), options or Options())


def _load(text: str | bytes, name: str, folder: Path, options: Options) -> Spec:
    from gradcli.spec.document import read

    try:
        document = read(text, name)
        return _from_tree(document.root, name, document.lines, folder, options)
    except SpecError as error:
        raise SpecError([diagnostic.about(name) for diagnostic in error.diagnostics]) from None


def _from_tree(root: Yaml, name: str, lines: Sequence[str], folder: Path, options: Options) -> Spec:
    from gradcli.autograd import higher  # noqa: F401 - declares autograd.grad
    from gradcli.spec.loader import load_tree

    if options.set or options.backward:
        from gradcli.spec.edit import replace_backward, replace_tensors

        root = replace_backward(replace_tensors(root, options.set), options.backward)
    graph = load_tree(root, name, lines=list(lines), read_file=file_reader(folder, options.allow_path))
    _apply_options(graph, options)
    return Spec(graph, name, lines)


def file_reader(folder: Path, allowed: Sequence[Path]) -> Any:
    """Return the reader of a spec's `{file: …}` forms; paths are relative to its folder and may not leave it."""

    def read_file(path: str, key: str | None, name: str, span: Span) -> Data:
        from gradcli.exchange.tensor_file import read_tensor, resolve_path

        base, extra = (Path.cwd(), [Path("/")]) if span.file.startswith("--") else (folder, list(allowed))
        value, is_array = read_tensor(resolve_path(base, path, extra), key or name, required=key is not None)
        return Data(value, array=is_array)

    return read_file


def _apply_options(graph: Graph, options: Options) -> None:
    leaves = {graph.values[leaf.slot].name: at for at, leaf in enumerate(graph.leaves)}
    for name in options.freeze:
        at = leaves.get(name)
        if at is None:
            raise unknown("--freeze", name, leaves, "input or parameter")
        graph.leaves[at] = graph.leaves[at]._replace(requires_grad=False)
    for name in options.retain_grad:
        if name not in graph.names:
            raise unknown("--retain-grad", name, graph.names, "tensor")
        slot = graph.names[name]
        graph.statements.append(Mark(slot, graph.values[slot].span, retain_grad=True))


def unknown(option: str, name: str, known: Mapping[str, Any], what: str) -> SpecError:
    """Return the error of an option that names nothing, with what is most like it."""
    near = nearest(name, known)
    hint = f"did you mean `{near}`?" if near else None
    return SpecError(Diagnostic("GC201", f"{option} {name}: there is no {what} `{name}`", None, hint))
