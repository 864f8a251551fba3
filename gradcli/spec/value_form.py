"""ValueForm: an expression, or a number of YAML, where a value is asked for."""

from __future__ import annotations

from gradcli.graph.graph import Arg, Literal
from gradcli.spec.document import Yaml, YamlScalar, YamlSequence
from gradcli.spec.keys import wrong
from gradcli.spec.lower import Lowering
from gradcli.spec.reading import POISON


def expression_or_number(lowering: Lowering, node: Yaml, name: str, out: int | None = None) -> Arg:
    """Lower an expression, or a number of YAML, which is one too."""
    if isinstance(node, YamlScalar) and isinstance(node.value, str):
        return lowering.text(node, out)
    if isinstance(node, YamlScalar) and isinstance(node.value, bool | int | float | complex):
        return Literal(node.value)
    hint = None
    if isinstance(node, YamlSequence):
        hint = "a literal tensor belongs under `inputs`"
    elif isinstance(node, YamlScalar) and node.value is not None:
        hint = "arrays belong under `inputs` or `parameters`"
    wrong(lowering.reading, node, f"`{name}`", "an expression or a number", hint)
    return POISON
