"""The JSON Schema agrees with the loader about forms and keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gradcli.errors import SpecError
from gradcli.spec.document import plain, read
from gradcli.spec.loader import KEYS
from gradcli.spec.schema import schema
from tests.spec.notation import HEAD, load

VALIDATOR = jsonschema.Draft202012Validator(schema())
SPECS = Path(__file__).parents[2] / "specs"

GOOD = [
    "inputs: {x: 1.0}",
    "gradcli: 1\ndtype: float64\nmanual_seed: 3\nx-mine: [1]\ninputs: {x: [[1, nan], [-inf, 1+2j]]}",
    "inputs: {x: {value: [1], dtype: int64, requires_grad: false}}",
    f'{HEAD}  z: x + y\n  k: 2\n  t: true\n  "q, r": linalg.qr(x)',
    HEAD + "  z: {op: softmax, args: [x, 0], kwargs: {dtype: float64}, no_grad: true}",
    HEAD + "  z: {expr: x, retain_grad: true, requires_grad: true}",
    HEAD + "  e: {no_grad: true, ops: {h: x}}",
    HEAD + "  l: {carry: {h: x}, while: h < 1, ops: {h: h}}",
    HEAD + "  l: {carry: {h: [1]}, for: r in x, ops: {h: r}}",
    HEAD + "  l: {carry: {h: 1}, repeat: 3, no_grad: true, ops: {h: h}}",
    HEAD + "  s: {if: x > 0, then: {o: x}, else: {o: y}}",
    HEAD + "  z: x\nbackward: z",
    HEAD + "  z: x\nbackward: [z, {output: [z, x], v: [null, [1]], inputs: w, label: a}, {zero_grad: all}]",
    HEAD + "  z: x\nexpect: {z: 1, x: [1], w: {grad: null, shape: [], rtol: 0.1, grad_fn: null}}\nraises: a",
    HEAD + "  z: x\nexpect: {w.grad: null, x.grad: 1}",
]

BAD = [
    "{}",
    "parametres: {w: 1}",
    "gradcli: 2",
    "dtype: int32",
    "manual_seed: a",
    "inputs: [x]",
    "inputs: {my-x: 1}",
    "inputs: {x: null}",
    "inputs: {x: {vaule: 1}}",
    "inputs: {x: {value: 1, dtype: float33}}",
    "inputs: {x: {value: 1, file: a.npy}}",
    HEAD + "  z: [1, 2]",
    HEAD + "  z: {expr: x, no_grad: yes}",
    HEAD + "  z: {args: [x]}",
    HEAD + "  z: {op: relu, args: x}",
    HEAD + "  z: {expr: x, op: relu}",
    HEAD + "  l: {carry: {h: x}, ops: {h: h}}",
    HEAD + "  l: {carry: {h: x}, repeat: 1, while: h, ops: {h: h}}",
    HEAD + "  l: {repeat: 1, ops: {h: x}}",
    HEAD + "  s: {if: x, then: {o: x}}",
    HEAD + "  z: x\nbackward: []",
    HEAD + "  z: x\nbackward: {outputs: z}",
    HEAD + "  z: x\nexpect: {z: {vaule: 1}}",
    HEAD + "  z: x\nexpect: {z: {rtol: -1}}",
    "raises: [a]",
]


def _data(text: str) -> Any:
    return plain(read(text, "a.yaml").root)


def test_the_schema_is_one() -> None:
    """The schema follows the draft that it names, and is plain data."""
    jsonschema.Draft202012Validator.check_schema(schema())
    assert json.loads(json.dumps(schema())) == schema()


@pytest.mark.parametrize("text", GOOD)
def test_what_loads_is_valid(text: str) -> None:
    """A spec that the loader takes is valid."""
    load(text)
    assert [error.message for error in VALIDATOR.iter_errors(_data(text))] == []


@pytest.mark.parametrize("text", BAD)
def test_what_does_not_load_is_invalid(text: str) -> None:
    """Wrong keys, kinds of values and combinations are invalid, and the loader refuses them too."""
    assert not VALIDATOR.is_valid(_data(text))
    with pytest.raises(SpecError):
        load(text)


def test_the_schema_has_every_key_of_the_top() -> None:
    """The loader and the schema know the same keys at the top."""
    assert set(schema()["properties"]) == set(KEYS)


def test_the_example_specs_are_valid() -> None:
    """Every example spec is valid, except those that show an error."""
    paths = sorted(SPECS.rglob("*.yaml"))
    data = [(path, _data(path.read_text(encoding="utf-8"))) for path in paths]
    invalid = [path.name for path, spec in data if "raises" not in spec and not VALIDATOR.is_valid(spec)]
    assert invalid == []
