"""Edits: what the command line changes in a spec before it is read: other tensors, other backward steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradcli.errors import SpecError
from gradcli.source.diagnostic import Diagnostic
from gradcli.spec.document import Yaml, YamlMapping, YamlScalar, read
from gradcli.spec.findings import nearest
from gradcli.spec.yaml_nodes import Place, Source

SECTIONS = ("inputs", "parameters")


def scalar(value: object, text: str, option: str) -> YamlScalar:
    """Return a value that stands on the command line, as a node whose place is the option."""
    return YamlScalar(value, text, Source(option, text), Place(), Place(len(text), 0, len(text)))


def mapping(entries: Sequence[tuple[YamlScalar, Yaml]], like: Yaml) -> YamlMapping:
    """Return a mapping at another node's place."""
    index = {key.text: (key, value) for key, value in entries}
    return YamlMapping(tuple(entries), like.source, like.start, like.end, False, index)


def form(text: str, option: str) -> Yaml:
    """Return a tensor form as the command line writes it: YAML, or `@FILE` for a file."""
    if text.startswith("@"):
        name = scalar(text[1:], text[1:], option)
        return mapping([(scalar("file", "file", option), name)], name)
    return read(text, option).root


def replace_tensors(root: Yaml, forms: Mapping[str, str]) -> Yaml:
    """Return a spec in which inputs and parameters have other forms; raise SpecError for a name that is neither."""
    if not isinstance(root, YamlMapping) or not forms:
        return root
    known = [k.text for s in SECTIONS for k, _ in getattr(root.get(s), "entries", ())]
    for name in forms:
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean `{near}`?" if near else f"the spec has {', '.join(known) or 'none'}"
            raise SpecError(Diagnostic("GC201", f"--set {name}: there is no input or parameter `{name}`", None, hint))
    entries = [(key, _section(value, forms) if key.text in SECTIONS else value) for key, value in root.entries]
    return mapping(entries, root)


def _section(section: Yaml, forms: Mapping[str, str]) -> Yaml:
    if not isinstance(section, YamlMapping):
        return section
    return mapping(
        [(k, _merged(v, form(forms[k.text], f"--set {k.text}")) if k.text in forms else v) for k, v in section.entries], section
    )


def _merged(old: Yaml, new: Yaml) -> Yaml:
    """Return a new form that keeps the old one's requires_grad."""
    kept = isinstance(old, YamlMapping) and old.get("requires_grad")
    if not kept:
        return new
    key = scalar("requires_grad", "requires_grad", "--set")
    entries = list(new.entries) if isinstance(new, YamlMapping) else [(scalar("value", "value", "--set"), new)]
    return mapping([*entries, (key, kept)], new) if all(k.text != "requires_grad" for k, _ in entries) else new


def replace_backward(root: Yaml, steps: Sequence[tuple[str, str | None]]) -> Yaml:
    """Return a spec whose backward steps are these (output, v) pairs."""
    if not isinstance(root, YamlMapping) or not steps:
        return root
    from gradcli.spec.document import YamlSequence

    items = [_step(output, v, last=number == len(steps)) for number, (output, v) in enumerate(steps, 1)]
    listed = YamlSequence(tuple(items), items[0].source, items[0].start, items[0].end, False)
    kept = [(key, value) for key, value in root.entries if key.text != "backward"]
    return mapping([*kept, (scalar("backward", "backward", "--backward"), listed)], root)


def _step(output: str, v: str | None, last: bool) -> YamlMapping:
    option = "--backward"
    name = scalar(output, output, option)
    entries: list[tuple[YamlScalar, Yaml]] = [(scalar("output", "output", option), name)]
    if v is not None:
        entries.append((scalar("v", "v", option), form(v, "--seed-vector")))
    if not last:
        entries.append((scalar("retain_graph", "retain_graph", option), scalar(True, "true", option)))
    return mapping(entries, name)
