"""Write gradcli/ops/_index.py anew from the records: `python -m tests.ops.write_index`, after an op was added or moved."""

from __future__ import annotations

from pathlib import Path

from gradcli.autograd import higher  # noqa: F401 - declares autograd.grad
from gradcli.ops import registry

TARGET = Path(registry.__file__).with_name("_index.py")
HEAD = '''"""The index: which families declare each public name, so that a spec runs only those that it uses.

Written by `python -m tests.ops.write_index`; a test holds it to the records.
"""

from __future__ import annotations
'''


def text() -> str:
    """Return the module as it should be."""
    data = registry.index_data()
    names = "".join(f"    {name!r}: {families!r},\n" for name, families in data["DECLARED"].items())
    lines = [HEAD, "DECLARED: dict[str, str] = {\n" + names + "}", *(_set(key, data[key]) for key in ("ATTRIBUTES", "RESULTS"))]
    return "\n".join(lines).replace("'", '"') + "\n"


def _set(name: str, items: frozenset[str]) -> str:
    listed = "".join(f"        {item!r},\n" for item in sorted(items))
    return f"{name}: frozenset[str] = frozenset(\n    {{\n{listed}    }}\n)"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
    print(f"{len(registry.index_data()['DECLARED'])} names in {TARGET.name}")

