"""Expectations: what must hold of a name after the steps, or right after one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradcli.graph.graph import Block, Expectation
from gradcli.spec.document import Yaml, YamlMapping, YamlScalar, YamlSequence
from gradcli.spec.keys import boolean, check_keys, dtype, mapping_of, number, string, wrong
from gradcli.spec.lower import Lowering
from gradcli.spec.reading import Reading
from gradcli.spec.tensor_form import TensorForms

_KEYS = ("value", "grad", "shape", "dtype", "grad_fn", "requires_grad", "is_leaf", "rtol", "atol")
_NAMES = "a mapping of names and what must hold of them"


class Expectations:
    """Reads `expect`, of the spec or of a step."""

    def __init__(
        self, reading: Reading, forms: TensorForms, subject: Callable[[Reading, Yaml, str, bool], Block]
    ) -> None:
        self.reading, self.forms, self.subject = reading, forms, subject

    def read(self, node: Yaml) -> list[Expectation]:
        """The expectations of a mapping."""
        mapping = mapping_of(self.reading, node, "`expect`", _NAMES)
        return [self._one(key, value) for key, value in mapping.entries] if mapping else []

    def _one(self, key: YamlScalar, node: Yaml) -> Expectation:
        subject = self.subject(self.reading, key, "a name of `expect`", False)
        checks = self._checks(key.text, node) if isinstance(node, YamlMapping) else self._value(key.text, node)
        return Expectation(key.text.strip(), subject, checks, key.span)

    def _value(self, name: str, node: Yaml) -> Mapping[str, Any]:
        """The short form: the value itself; that of `x.grad` may be null, for none."""
        if isinstance(node, YamlScalar) and node.value is None:
            if _is_grad(name):
                return {"value": None}
            hint = "that there is no grad is written `{grad: null}`"
            wrong(self.reading, node, f"what is expected of `{name}`", "a value or a mapping", hint)
            return {}
        form = self.forms.read(node, self._lowering(), name)
        return {} if form is None else {"value": form}

    def _lowering(self) -> Lowering:
        return Lowering(self.reading, self.reading.root, record=False, grads=True)

    def _checks(self, name: str, node: YamlMapping) -> Mapping[str, Any]:
        check_keys(self.reading, node, _KEYS, f"what is expected of `{name}`")
        if not node.keys():
            wrong(self.reading, node, f"what is expected of `{name}`", "a value or a mapping with keys")
        return {key: self._check(name, key, node) for key in _KEYS if key in node}

    def _check(self, name: str, key: str, node: YamlMapping) -> Any:
        value = node.get(key)
        assert value is not None
        none = isinstance(value, YamlScalar) and value.value is None
        if key in ("value", "grad"):
            return (
                None if none and (key == "grad" or _is_grad(name)) else self.forms.read(value, self._lowering(), name)
            )
        if key == "shape":
            return self._shape(value)
        if key == "dtype":
            return dtype(self.reading, node)
        if key == "grad_fn":
            return None if none else string(self.reading, node, key)
        if key in ("rtol", "atol"):
            return number(self.reading, node, key)
        return boolean(self.reading, node, key)

    def _shape(self, node: Yaml) -> tuple[int, ...] | None:
        items = node.items if isinstance(node, YamlSequence) else ()
        sizes = [item.value for item in items if isinstance(item, YamlScalar) and type(item.value) is int]
        if isinstance(node, YamlSequence) and len(sizes) == len(items):
            return tuple(sizes)
        wrong(self.reading, node, "`shape`", "a list of sizes, such as `[2, 3]`")
        return None


def _is_grad(name: str) -> bool:
    return name.strip().endswith(".grad")
