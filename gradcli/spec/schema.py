"""Schema: the JSON Schema (draft 2020-12) of a spec, for editors: they complete keys and show what they mean.

It knows forms and kinds of values, not names and ops: `gradcli check` says what else is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from gradcli.types.dtype import BY_NAME, DTYPES

Schema: TypeAlias = dict[str, Any]

NAME = r"^[^\W\d]\w*$"
NAMES = r"^\s*[^\W\d]\w*\s*(,\s*[^\W\d]\w*\s*)*$"


def schema(ops: Sequence[str] = ()) -> Schema:
    """The JSON Schema of the spec as data; `ops` are names that editors complete.

    >>> schema()["properties"]["manual_seed"]["default"]
    0
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gradcli spec",
        "description": "A graph as PyTorch would build it: tensors, ops, backward steps and expectations.",
        **_object(_top(), patterns={"^x-": {"description": "Anything, for your own use."}}),
        "minProperties": 1,
        "$defs": _definitions(ops),
    }


def _top() -> Schema:
    return {
        "gradcli": {"const": 1, "description": "The version of the format.", "default": 1},
        "description": _text("A text that `run` and `graph` show."),
        "dtype": {
            "enum": ["float32", "float64", "float16", "float", "double", "half"],
            "description": "The default floating dtype, as torch.set_default_dtype.",
            "default": "float32",
        },
        "manual_seed": {
            "type": "integer",
            "description": "The seed of the random generator, as torch.manual_seed.",
            "default": 0,
        },
        "inputs": _section("Tensors that do not require grad."),
        "parameters": _section("Tensors that require grad."),
        "ops": _ref("ops", "Names and how they are computed, in any order."),
        "backward": _ref("backward", "What is differentiated: an output, a step, or a list of them."),
        "expect": _ref("expectations", "What must hold after all steps; `gradcli test` checks it."),
        "raises": _text("A text that the error message of this spec must contain."),
    }


def _definitions(ops: Sequence[str]) -> Schema:
    return {
        "expression": _text("An expression, such as `matmul(x, w) + b`."),
        "dtype": {"enum": [*BY_NAME, *(n for n in DTYPES if n not in BY_NAME)], "description": "A dtype of PyTorch."},
        "literal": {
            "description": "A number, a boolean, or nested lists of them; `nan`, `-inf` and `1+2j` are texts.",
            "anyOf": [
                {"type": ["number", "boolean", "string"]},
                {"type": "array", "items": {"$ref": "#/$defs/literal"}},
            ],
        },
        "tensor": {
            "description": "A literal, an expression, a mapping or a file.",
            "anyOf": [_ref("literal"), _ref("valueForm"), _ref("fileForm")],
        },
        "valueForm": _object(
            {
                "value": _ref("literal", "A literal or an expression."),
                "dtype": _ref("dtype", "Reads a literal as this dtype, converts anything else."),
                "requires_grad": _flag("Whether the tensor requires grad."),
            },
            required=["value"],
        ),
        "fileForm": _object(
            {
                "file": _text("A path relative to the spec: .npy, .npz, .csv, .json or .safetensors."),
                "key": _text("The tensor in the file; the name of this tensor by default."),
                "dtype": _ref("dtype", "Converts the tensor."),
                "requires_grad": _flag("Whether the tensor requires grad."),
            },
            required=["file"],
        ),
        **_op_definitions(ops),
        **_step_definitions(),
    }


def _op_definitions(ops: Sequence[str]) -> Schema:
    no_grad = _flag("Record nothing inside, or record again.")
    flags = {
        "no_grad": no_grad,
        "retain_grad": _flag("Keep the grad of this tensor, which is no leaf."),
        "requires_grad": _flag("Make it a new leaf that requires grad, or one that does not."),
    }
    return {
        "ops": {
            "description": "Names and ops; `q, r` names several results.",
            "type": ["object", "null"],
            "propertyNames": {"pattern": NAMES},
            "additionalProperties": _ref("op"),
        },
        "op": {
            "description": "An expression, a number, a call, a scope, a loop or a branch.",
            "anyOf": [
                {"type": ["string", "number", "boolean"]},
                *(_ref(form) for form in ("call", "flagged", "scope", "loop", "branch")),
            ],
        },
        "call": _object(
            {
                "op": {**_text("The public PyTorch name of an op: `relu`, `linalg.solve`."), **_completed(ops)},
                "args": {"type": "array", "description": "The arguments in PyTorch's order."},
                "kwargs": {"type": "object", "description": "The arguments by name."},
                **flags,
            },
            required=["op"],
        ),
        "flagged": _object({"expr": {"type": ["string", "number", "boolean"]}, **flags}, required=["expr"]),
        "scope": _object({"ops": _ref("ops"), "no_grad": no_grad}, required=["ops"]),
        "loop": _loop(no_grad),
        "branch": _object(
            {
                "if": {"type": ["string", "boolean", "number"], "description": "The condition, `bool(tensor)`."},
                "then": _ref("ops"),
                "else": _ref("ops"),
                "no_grad": no_grad,
            },
            required=["if", "then", "else"],
        ),
    }


def _loop(no_grad: Schema) -> Schema:
    loop = _object(
        {
            "carry": {
                "type": "object",
                "description": "Names that go from turn to turn, and what they start with; only they are seen outside.",
                "minProperties": 1,
                "propertyNames": {"pattern": NAME},
                "additionalProperties": _ref("tensor"),
            },
            "while": {"type": ["string", "boolean", "number"], "description": "Tested before every turn."},
            "for": _text("`row in x`, `i in range(10)` or `a, b in zip(x, y)`."),
            "repeat": {"type": ["integer", "string"], "description": "The number of turns.", "minimum": 0},
            "ops": _ref("ops", "What is computed at each turn."),
            "no_grad": no_grad,
        },
        required=["carry", "ops"],
    )
    return {**loop, "oneOf": [{"required": [key]} for key in ("while", "for", "repeat")]}


def _step_definitions() -> Schema:
    label = _text("A title for the step.")
    expect = _ref("expectations", "What must hold right after this step.")
    names: Schema = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    several = {"type": "array", "items": _ref("expression"), "minItems": 1}
    return {
        "backward": {
            "anyOf": [
                {"type": "null"},
                _ref("expression"),
                _ref("step"),
                {"type": "array", "minItems": 1, "items": {"anyOf": [_ref("expression"), _ref("step")]}},
            ]
        },
        "step": {"anyOf": [_ref("backwardStep"), _ref("zeroGradStep")]},
        "backwardStep": _object(
            {
                "output": {"anyOf": [_ref("expression"), several], "description": "What is differentiated."},
                "v": {
                    "description": "The vector v of v·J, in the output's shape; a list for a list of outputs.",
                    "anyOf": [_ref("tensor"), {"type": "null"}, {"type": "array"}],
                },
                "retain_graph": {"type": ["boolean", "null"], "description": "Keep saved values for another pass."},
                "create_graph": _flag("Record the backward pass itself, for higher derivatives."),
                "inputs": {**names, "description": "The leaves that get a grad; all by default."},
                "label": label,
                "expect": expect,
            },
            required=["output"],
        ),
        "zeroGradStep": _object(
            {"zero_grad": {**names, "description": "Names, or `all`."}, "label": label, "expect": expect},
            required=["zero_grad"],
        ),
        "expectations": {
            "type": ["object", "null"],
            "patternProperties": {r"\.grad$": {"anyOf": [_ref("expectation"), {"type": "null"}]}},
            "additionalProperties": _ref("expectation"),
        },
        "expectation": {"anyOf": [_ref("literal"), _expectation()]},
    }


def _expectation() -> Schema:
    tolerance: Schema = {"type": "number", "minimum": 0}
    return _object(
        {
            "value": _ref("tensor", "The value."),
            "grad": {"anyOf": [_ref("tensor"), {"type": "null"}], "description": "The accumulated grad, or null."},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
            "dtype": _ref("dtype"),
            "grad_fn": {"type": ["string", "null"], "description": "As in `AddBackward0`."},
            "requires_grad": {"type": "boolean"},
            "is_leaf": {"type": "boolean"},
            "rtol": {**tolerance, "description": "Relative tolerance; torch.testing.assert_close's by default."},
            "atol": {**tolerance, "description": "Absolute tolerance; torch.testing.assert_close's by default."},
        },
        minimum=1,
    )


def _section(description: str) -> Schema:
    return {
        "type": ["object", "null"],
        "description": description,
        "propertyNames": {"pattern": NAME},
        "additionalProperties": _ref("tensor"),
    }


def _object(
    properties: Schema, required: list[str] | None = None, patterns: Schema | None = None, minimum: int = 0
) -> Schema:
    closed: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        closed["required"] = required
    if patterns:
        closed["patternProperties"] = patterns
    if minimum:
        closed["minProperties"] = minimum
    return closed


def _completed(ops: Sequence[str]) -> Schema:
    return {"anyOf": [{"enum": list(ops)}, {"type": "string"}]} if ops else {}


def _ref(name: str, description: str | None = None) -> Schema:
    reference: Schema = {"$ref": f"#/$defs/{name}"}
    return {**reference, "description": description} if description else reference


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _flag(description: str) -> Schema:
    return {"type": "boolean", "description": description}
