"""The closed set of codes, and the exceptions that carry them."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

import gradcli.errors as errors
from gradcli.errors import OpError, SpecError
from gradcli.source.codes import CODES, Code
from gradcli.source.codes_autograd import AUTOGRAD_CODES
from gradcli.source.codes_document import DOCUMENT_CODES
from gradcli.source.codes_graph import GRAPH_CODES
from gradcli.source.codes_limits import LIMIT_CODES
from gradcli.source.codes_values import NUMERIC_CODES, SHAPE_CODES
from gradcli.spec.document import read

PACKAGE = Path(errors.__file__).parent
GROUPS = {
    "1": DOCUMENT_CODES,
    "2": GRAPH_CODES,
    "3": SHAPE_CODES,
    "4": AUTOGRAD_CODES,
    "5": NUMERIC_CODES,
    "9": LIMIT_CODES,
}
OP_ERRORS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, OpError) and kind is not OpError
]


def test_codes_are_unique() -> None:
    """No two findings share a code."""
    assert len(CODES) == sum(len(group) for group in GROUPS.values())


@pytest.mark.parametrize("group", GROUPS)
def test_groups(group: str) -> None:
    """Codes stand in order in the group that their first digit names."""
    codes = [code.code for code in GROUPS[group]]
    assert codes == sorted(codes)
    assert all(re.fullmatch(rf"GC{group}\d\d", code) for code in codes)


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: code.code)
def test_texts_are_written(code: Code) -> None:
    """Each code has a title without a full stop, a meaning, an example and a fix in whole sentences."""
    assert code.title
    assert not code.title.endswith(".")
    assert code.meaning.endswith(".")
    assert code.fix.endswith((".", "`"))
    assert code.example.endswith("\n")
    assert "  " not in code.meaning + code.fix


UNREADABLE = ("GC101", "GC102", "GC103", "GC104", "GC105", "GC106", "GC108")


@pytest.mark.parametrize("code", UNREADABLE)
def test_yaml_examples_show_their_mistake(code: str) -> None:
    """The example of a YAML code is a document with just that finding."""
    with pytest.raises(SpecError) as caught:
        read(CODES[code].example, "example.yaml")
    assert [finding.code for finding in caught.value.diagnostics] == [code]


@pytest.mark.parametrize(
    "code", [code for code in CODES.values() if code.code not in UNREADABLE], ids=lambda code: code.code
)
def test_other_examples_are_yaml(code: Code) -> None:
    """The other examples are well-formed, so that what is wrong is what the code says."""
    read(code.example, "example.yaml")


def test_package_uses_no_other_codes() -> None:
    """Every code that the package's text mentions is explained."""
    used = {code for path in PACKAGE.rglob("*.py") for code in re.findall(r"\bGC\d{3}\b", path.read_text("utf-8"))}
    assert used <= CODES.keys()


@pytest.mark.parametrize("kind", OP_ERRORS, ids=lambda kind: kind.__name__)
def test_default_codes_are_explained(kind: type[OpError]) -> None:
    """Each exception of an op has a code that explain knows, and its docstring tree says which."""
    assert kind("text").code in CODES
    assert re.search(rf"{kind.__name__}\s+{kind('text').code} ", errors.__doc__ or "")


def test_op_error_keeps_its_parts_when_pickled() -> None:
    """An exception from another process has the same message, code and hint."""
    error = pickle.loads(pickle.dumps(errors.NumericError("singular", "GC502", "add eye(n)")))
    assert (type(error), str(error), error.code, error.hint) == (errors.NumericError, "singular", "GC502", "add eye(n)")
