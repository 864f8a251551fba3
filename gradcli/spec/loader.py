"""Loader: a document becomes a Graph, or a SpecError with all that is wrong with it."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from gradcli.errors import SpecError
from gradcli.graph.graph import Data, Graph, Kind, LeafValue, TensorForm
from gradcli.graph.order import order
from gradcli.spec.declarations import declare
from gradcli.spec.document import DocumentLimits, Yaml, YamlMapping, YamlScalar, plain, read
from gradcli.spec.expectations import Expectations
from gradcli.spec.findings import Findings
from gradcli.spec.keys import check_keys, dtype, mapping_of, string, wrong
from gradcli.spec.lower import Lowering
from gradcli.spec.op_names import OpNames
from gradcli.spec.ops_form import Level, OpsForm
from gradcli.spec.reading import Reading
from gradcli.spec.steps import Steps, subject
from gradcli.spec.tensor_form import ReadFile, TensorForms

KEYS = (
    "gradcli", "description", "dtype", "manual_seed", "inputs", "parameters", "ops", "backward", "expect", "raises",
)  # fmt: skip
VERSION = 1
_FLOATING = ("float16", "float32", "float64")


def load_graph(
    text: str | bytes,
    file: str = "-",
    *,
    read_file: ReadFile | None = None,
    ops: OpNames | None = None,
    limits: DocumentLimits | None = None,
) -> Graph:
    """Read a spec: a YAML or JSON text under the name of its file.

    Raises SpecError with all findings. `read_file` reads the tensors of `{file: …}`; `ops` is the registry of ops.
    """
    document = read(text, file, limits)
    return load_tree(document.root, file, lines=document.lines, read_file=read_file, ops=ops)


def load_tree(
    root: Yaml,
    file: str = "-",
    *,
    lines: list[str] | None = None,
    read_file: ReadFile | None = None,
    ops: OpNames | None = None,
) -> Graph:
    """Read a spec whose document is a tree already; `lines` are its text, for the carets."""
    if ops is None:
        from gradcli.ops import registry

        ops = cast(OpNames, registry)
    findings = Findings(file, lines or [])
    with warnings.catch_warnings(), _no_collection():
        warnings.simplefilter("ignore")  # Python's parser warns of `\d` in a text or of `1if x else y`
        graph = SpecReader(Reading(Graph(path=file), findings, ops), TensorForms(read_file)).read(root)
    findings.stop()
    return graph


def expected_error(text: str | bytes, file: str = "-") -> str | None:
    """The text under `raises` of a spec that is wrong itself; None where there is none or nothing can be read."""
    try:
        root = read(text, file).root
    except SpecError:
        return None
    raises = root.get("raises") if isinstance(root, YamlMapping) else None
    return raises.text or None if isinstance(raises, YamlScalar) else None


class SpecReader:
    """Reads the top level of one document."""

    def __init__(self, reading: Reading, forms: TensorForms) -> None:
        self.reading, self.forms = reading, forms
        self.leaf_nodes: list[tuple[int, str, Yaml, bool]] = []
        self.level = Level(listed=True, scope=reading.root)
        self.ops = OpsForm(reading, forms)

    def read(self, root: Yaml) -> Graph:
        """The graph of a document; it is complete only where there are no findings."""
        mapping = mapping_of(self.reading, root, "a spec", "a mapping with `inputs`, `parameters` and `ops`")
        if mapping is None:
            return self.reading.graph
        if not mapping.entries:
            hint = "declare at least one tensor under `inputs`, `parameters` or `ops`"
            self.reading.findings.add("GC105", "the spec is empty", root.span, hint)
        check_keys(self.reading, mapping, (*KEYS, *filter(_is_own, mapping.keys())), "a spec")
        self._head(mapping)
        self._declare(mapping)
        self._leaves()
        statements, _ = self.ops.lower(self.level)
        graph = self.reading.graph
        graph.statements = list(statements)
        self._names()
        self._after(mapping)
        return graph

    def _head(self, mapping: YamlMapping) -> None:
        reading, graph = self.reading, self.reading.graph
        version = mapping.get("gradcli")
        if version is not None and plain(version) != VERSION:
            hint = "this is version 1 of the format: write `gradcli: 1` or leave it out"
            message = f"unknown format version `{getattr(version, 'text', '')}`"
            reading.findings.add("GC114", message, version.span, hint)
        graph.description = string(reading, mapping, "description")
        graph.raises = string(reading, mapping, "raises")
        name = dtype(reading, mapping)
        place = mapping.get("dtype")
        if name is not None and place is not None and name not in _FLOATING:
            wrong(reading, place, "the default `dtype`", "a floating dtype", "write float32, float64 or float16")
        graph.dtype = name or graph.dtype
        graph.manual_seed = self._seed(mapping.get("manual_seed"))

    def _seed(self, node: Yaml | None) -> int:
        if node is None:
            return 0
        value = node.value if isinstance(node, YamlScalar) else None
        if type(value) is int and -(2**63) <= value < 2**64:
            return value
        wrong(self.reading, node, "`manual_seed`", "an integer of 64 bits")
        return 0

    # names

    def _declare(self, mapping: YamlMapping) -> None:
        """Declare all names, in document order."""
        for key, node in mapping.entries:
            if key.text in ("inputs", "parameters"):
                self._declare_leaves(key.text, node)
            elif key.text == "ops":
                self.ops.declare(None if _is_nothing(node) else node, self.reading.root, self.level)

    def _declare_leaves(self, section: str, node: Yaml) -> None:
        if _is_nothing(node):
            return
        kind: Kind = "input" if section == "inputs" else "parameter"
        mapping = mapping_of(self.reading, node, f"`{section}`", "a mapping of names and tensors")
        for key, value in mapping.entries if mapping else ():
            name, slot = declare(self.reading, self.reading.leaves, key.text, kind, key.span)
            self.leaf_nodes.append((slot, name, value, kind == "parameter"))

    def _names(self) -> None:
        """Fill the names of the graph: all declared ones, each after its parts."""
        reading, graph = self.reading, self.reading.graph
        values, names = graph.values, graph.names
        for name, slot in reading.declared.items():
            for part in reading.parts.get(name, ()):
                full, kind, _ = values[part]
                if full and kind == "part":
                    names[full] = part
            names[name] = slot
        graph.declared = list(reading.declared)

    # tensors

    def _leaves(self) -> None:
        """Read inputs and parameters, which see only each other, and put them into the order of evaluation."""
        reading = self.reading
        leaves: list[LeafValue] = []
        uses: list[list[int]] = []
        for slot, name, node, parameter in self.leaf_nodes:
            lowering = Lowering(reading, reading.leaves, name, record=False)
            form = self.forms.read(node, lowering, name) or TensorForm(Data(0), node.span, "")
            requires_grad = parameter if form.requires_grad is None else form.requires_grad
            leaves.append(LeafValue(slot, form, requires_grad))
            uses.append(lowering.uses)
        index = {leaf.slot: at for at, leaf in enumerate(leaves)}
        found = order([[index[slot] for slot in used if slot in index] for used in uses])
        for cycle in found.cycles:
            self._cycle([leaves[at] for at in cycle])
        reading.graph.leaves = [leaves[at] for at in found.sequence]

    def _cycle(self, leaves: list[LeafValue]) -> None:
        values = [self.reading.graph.values[leaf.slot] for leaf in leaves]
        names = " → ".join(f"`{value.name}`" for value in (*values, values[0]))
        places = ", ".join(f"`{value.name}` in line {value.span.line}" for value in values)
        self.reading.findings.add("GC205", f"these tensors need each other: {names}", values[0].span, places)

    # what comes after

    def _after(self, mapping: YamlMapping) -> None:
        expectations = Expectations(self.reading, self.forms, subject)
        steps = Steps(self.reading, self.forms, expectations)
        backward, expect = mapping.get("backward"), mapping.get("expect")
        if backward is not None and not _is_nothing(backward):
            self.reading.graph.steps = steps.read(backward)
        if expect is not None and not _is_nothing(expect):
            self.reading.graph.expectations = expectations.read(expect)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Nothing of a graph is garbage while it is read, so the collector would look at all of it again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _is_own(key: str) -> bool:
    return key.startswith("x-")


def _is_nothing(node: Yaml) -> bool:
    return isinstance(node, YamlScalar) and node.value is None
