"""TensorForm, read: a literal, an expression, a mapping or a file, wherever a tensor is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from gradcli.errors import OpError, SpecError
from gradcli.graph.graph import Block, Data, Literal, TensorForm
from gradcli.source.span import Span
from gradcli.spec.document import Yaml, YamlMapping, YamlScalar, YamlSequence
from gradcli.spec.keys import boolean, check_keys, dtype, exclusive, string, wrong
from gradcli.spec.literal import NotConstant, constant, read_list
from gradcli.spec.lower import Lowering
from gradcli.types.dtype import BY_NAME

ReadFile: TypeAlias = Callable[[str, str | None, str, Span], Data]
"""Reads a tensor from a file: the path as written, the key (None where none is given), the name of the tensor and
the place. It raises SpecError or OpError."""

FORM_KEYS = ("value", "dtype", "requires_grad", "file", "key")


class TensorForms:
    """Reads tensor forms; `read_file` may be None where no files are to be read."""

    def __init__(self, read_file: ReadFile | None) -> None:
        self.read_file = read_file

    def read(self, node: Yaml, lowering: Lowering, name: str, weak: bool = False) -> TensorForm | None:
        """The form that a node writes, or None and findings; a weak one keeps a number that is no tensor."""
        if isinstance(node, YamlMapping):
            return self._mapping(node, lowering, name)
        source = self._source(node, lowering, name, weak)
        return None if source is None else TensorForm(source, node.span, _text(node))

    def _source(self, node: Yaml, lowering: Lowering, name: str, weak: bool = False) -> Data | Block | None:
        if isinstance(node, YamlSequence):
            values = read_list(lowering.reading, node)
            return None if values is None else Data(values)
        if isinstance(node, YamlMapping):
            wrong(lowering.reading, node, f"the value of `{name}`", "a literal or an expression")
            return None
        if node.value is None:
            hint = "write a literal, an expression such as `ones(3)`, or `{file: …}`"
            wrong(lowering.reading, node, f"`{name}`", "a tensor", hint)
            return None
        return _scalar(node, lowering, name, weak)

    def _mapping(self, node: YamlMapping, lowering: Lowering, name: str) -> TensorForm | None:
        reading = lowering.reading
        check_keys(reading, node, FORM_KEYS, f"the tensor `{name}`")
        form = exclusive(reading, node, ("value", "file"))
        if form != "file" and "key" in node and "value" in node:
            exclusive(reading, node, ("value", "key"))
        if form is None:
            reading.findings.add("GC112", f"the tensor `{name}` has neither `value` nor `file`", node.span,
                                 "write `{value: …}` or `{file: weights.npz}`")  # fmt: skip
        to, requires_grad = dtype(reading, node), boolean(reading, node, "requires_grad")
        inner = node.get(form) if form else None
        if inner is None:
            return None
        source = self._file(node, lowering, name) if form == "file" else self._source(inner, lowering, name)
        return None if source is None else TensorForm(source, inner.span, _text(inner), to, requires_grad)

    def _file(self, node: YamlMapping, lowering: Lowering, name: str) -> Data | None:
        findings = lowering.reading.findings
        path, key = string(lowering.reading, node, "file"), string(lowering.reading, node, "key")
        place = node.get("file")
        if path is None or place is None:
            return None
        if self.read_file is None:
            findings.add("GC911", "files cannot be read here", place.span)
            return None
        try:
            return self.read_file(path, key, name, place.span)
        except SpecError as error:
            findings.extend(error.diagnostics)
        except OpError as error:
            findings.add(error.code, error.message, place.span, error.hint)
        return None


def _scalar(node: YamlScalar, lowering: Lowering, name: str, weak: bool) -> Data | Block | None:
    value: Any = node.value
    if type(value) in (bool, int, float, complex):
        return Block((), Literal(value)) if weak else Data(value)
    if not isinstance(value, str):
        return _array(node, lowering, name)
    if not weak:
        try:
            return Data(constant(value))
        except NotConstant:
            pass
    whole = lowering.reading.slot("", "part", node.span)
    return lowering.block(lambda: lowering.text(node, whole))


def _array(node: YamlScalar, lowering: Lowering, name: str) -> Data | None:
    """A copy of a NumPy array in a mapping, in this machine's byte order."""
    value: Any = node.value
    found = getattr(getattr(value, "dtype", None), "name", None)
    if found in BY_NAME:
        return Data(value.astype(value.dtype.name), array=True)
    what = f"an array of dtype {found}" if found else f"a {type(value).__name__}"
    hint = f"arrays have one of the dtypes {', '.join(BY_NAME)}"
    lowering.reading.findings.add("GC303", f"`{name}` must be a tensor, not {what}", node.span, hint)
    return None


def _text(node: Yaml) -> str:
    if isinstance(node, YamlScalar):
        return node.text or str(node.value)
    return node.source.text[node.start.index : node.end.index]
