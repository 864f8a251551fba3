"""Steps: what `backward` asks for, one pass or one zero_grad after the other."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gradcli.graph.graph import BackwardStep, Block, Expectation, Output, Ref, Step, TensorForm, ZeroGradStep
from gradcli.spec.document import Yaml, YamlMapping, YamlScalar, YamlSequence
from gradcli.spec.expectations import Expectations
from gradcli.spec.keys import boolean, check_keys, exclusive, string, wrong
from gradcli.spec.lower import Lowering
from gradcli.spec.mistakes import group_as_value
from gradcli.spec.names import PART, Scope
from gradcli.spec.reading import Reading
from gradcli.spec.tensor_form import TensorForms
from gradcli.spec.value_form import expression_or_number

_BACKWARD_KEYS = ("output", "v", "retain_graph", "create_graph", "inputs", "label", "expect")
_ZERO_KEYS = ("zero_grad", "label", "expect")


class Steps:
    """Reads `backward`; `names` are all names that can be asked for, parts too."""

    def __init__(self, reading: Reading, forms: TensorForms, expectations: Expectations) -> None:
        self.reading, self.forms, self.expectations = reading, forms, expectations

    def read(self, node: Yaml) -> list[Step]:
        """The steps that a document writes under `backward`."""
        if isinstance(node, YamlSequence):
            if not node.items:
                hint = "leave it out to go forward only"
                wrong(self.reading, node, "`backward`", "an output, a step or a list of them", hint)
            return [step for item in node.items for step in self._step(item)]
        return self._step(node)

    def _step(self, node: Yaml) -> list[Step]:
        if isinstance(node, YamlScalar) and isinstance(node.value, str):
            return [BackwardStep((self._output(node, None),), node.span)]
        if not isinstance(node, YamlMapping):
            wrong(self.reading, node, "a step of `backward`", "an output, or a mapping with `output` or `zero_grad`")
            return []
        if exclusive(self.reading, node, ("output", "zero_grad")) == "zero_grad":
            return [self._zero_grad(node)]
        return self._backward(node)

    def _zero_grad(self, node: YamlMapping) -> ZeroGradStep:
        check_keys(self.reading, node, (*_ZERO_KEYS, "output"), "a `zero_grad` step")
        targets = node.get("zero_grad")
        label, expect = string(self.reading, node, "label"), self._expect(node)
        assert targets is not None
        if isinstance(targets, YamlScalar) and (targets.text == "all" or targets.value is True):
            return ZeroGradStep(None, ("all",), node.span, label, expect)
        names = self._named(targets, "`zero_grad`")
        slots = tuple(slot for _, slot in names)
        return ZeroGradStep(slots, tuple(name for name, _ in names), node.span, label, expect)

    def _backward(self, node: YamlMapping) -> list[Step]:
        check_keys(self.reading, node, (*_BACKWARD_KEYS, "zero_grad"), "a step of `backward`")
        output = node.get("output")
        if output is None:
            message = "a step of `backward` has neither `output` nor `zero_grad`"
            self.reading.findings.add("GC112", message, node.span, "write `{output: loss}` or `{zero_grad: [x]}`")
            return []
        inputs = node.get("inputs")
        step = BackwardStep(
            outputs=tuple(self._outputs(output, node.get("v"))),
            span=node.span,
            retain_graph=boolean(self.reading, node, "retain_graph"),
            create_graph=bool(boolean(self.reading, node, "create_graph")),
            inputs=None if inputs is None else tuple(slot for _, slot in self._named(inputs, "`inputs`")),
            label=string(self.reading, node, "label"),
            expect=self._expect(node),
        )
        return [step]

    def _expect(self, node: YamlMapping) -> tuple[Expectation, ...]:
        expect = node.get("expect")
        return () if expect is None else tuple(self.expectations.read(expect))

    def _outputs(self, node: Yaml, v: Yaml | None) -> Iterable[Output]:
        if not isinstance(node, YamlSequence):
            return [self._output(node, v)]
        if not node.items:
            wrong(self.reading, node, "`output`", "an expression or a list of them")
        if v is None or (isinstance(v, YamlScalar) and v.value is None):
            return [self._output(item, None) for item in node.items]
        if not isinstance(v, YamlSequence) or len(v.items) != len(node.items):
            got = f"a list of {len(v.items)}" if isinstance(v, YamlSequence) else "one"
            message = f"`v` of {len(node.items)} outputs is a list of as many, not {got}"
            self.reading.findings.add("GC111", message, v.span, "write `null` for an implicit 1")
            return [self._output(item, None) for item in node.items]
        return [self._output(item, form) for item, form in zip(node.items, v.items, strict=True)]

    def _output(self, node: Yaml, v: Yaml | None) -> Output:
        text = node.text if isinstance(node, YamlScalar) else ""
        form = None if v is None or (isinstance(v, YamlScalar) and v.value is None) else self._v(v)
        return Output(subject(self.reading, node, "`output`"), text, node.span, form)

    def _v(self, node: Yaml) -> TensorForm | None:
        lowering = Lowering(self.reading, self.reading.root, record=False, grads=True)
        return self.forms.read(node, lowering, "v")

    def _named(self, node: Yaml, what: str) -> list[tuple[str, int]]:
        """The names that a text or a list holds, with their slots."""
        items = node.items if isinstance(node, YamlSequence) else (node,)
        found = []
        for item in items:
            if not isinstance(item, YamlScalar) or not isinstance(item.value, str):
                wrong(self.reading, item, what, "a name or a list of names")
                continue
            slot = named_slot(self.reading, item)
            if slot is not None:
                found.append((item.text.strip(), slot))
        return found


def named_slot(reading: Reading, node: YamlScalar) -> int | None:
    """The slot of a declared name or a part; None and a finding where there is none."""
    name = node.text.strip()
    slot = reading.graph.names.get(name)
    if slot is not None:
        return slot
    missing(reading, node, name)
    return None


def missing(reading: Reading, node: YamlScalar, name: str) -> None:
    """Note a name that is not declared, with what is like it."""
    group = reading.root.find(name)
    if isinstance(group, Scope):
        code, message, hint = group_as_value(group)
        reading.findings.add(code, message, node.span, hint)
        return
    owner = name.rpartition(".")[0]
    if re.fullmatch(PART, name) and owner in reading.graph.names:
        parts = [reading.graph.values[slot].name for slot in reading.parts.get(owner, ())]
        count = sum(part.startswith(f"{owner}.") for part in parts)
        hint = f"its parts are `{owner}.0` to `{owner}.{count - 1}`" if count else "it is one operation without parts"
        reading.findings.add("GC201", f"`{owner}` has no part `{name}`", node.span, hint)
        return
    if name in reading.inner:
        reading.findings.add("GC207", f"`{name}` {reading.inner[name]}", node.span)
        return
    near = reading.suggest_name(name, reading.root) or reading.findings.suggest(name, reading.graph.names)
    reading.findings.add("GC201", f"`{name}` is not declared", node.span, near)


def subject(reading: Reading, node: Yaml, what: str, record: bool = True) -> Block:
    """What a step or an expectation is about: a name, the name of a part, or an expression."""
    name = node.text.strip() if isinstance(node, YamlScalar) else ""
    slot = reading.graph.names.get(name)
    if slot is not None:
        return Block((), Ref(slot))
    if re.fullmatch(PART, name) and isinstance(node, YamlScalar):
        missing(reading, node, name)
        return Block(())
    lowering = Lowering(reading, reading.root, record=record, grads=True)
    return lowering.block(lambda: expression_or_number(lowering, node, what.strip("`")))
