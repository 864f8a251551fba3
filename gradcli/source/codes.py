"""Codes: the closed set of what can be found wrong, by code.

GC1xx the YAML, its keys and the expressions' syntax; GC2xx the graph, its names and ops; GC3xx shapes and dtypes;
GC4xx autograd's rules; GC5xx numerics; GC9xx files and limits.
"""

from __future__ import annotations

from gradcli.source.code import Code
from gradcli.source.codes_autograd import AUTOGRAD_CODES
from gradcli.source.codes_document import DOCUMENT_CODES
from gradcli.source.codes_graph import GRAPH_CODES
from gradcli.source.codes_limits import LIMIT_CODES
from gradcli.source.codes_values import NUMERIC_CODES, SHAPE_CODES

CODES: dict[str, Code] = {
    code.code: code
    for codes in (DOCUMENT_CODES, GRAPH_CODES, SHAPE_CODES, AUTOGRAD_CODES, NUMERIC_CODES, LIMIT_CODES)
    for code in codes
}

__all__ = ["CODES", "Code"]
