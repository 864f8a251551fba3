"""`gradcli schema`: the JSON Schema of a spec, for editors."""

from __future__ import annotations

from gradcli.cli.options import COLOR, QUIET, Color
from gradcli.cli.streams import write

EXAMPLE = "Example: gradcli schema > gradcli.schema.json"


def command(quiet: QUIET = False, color: COLOR = Color.auto) -> int:
    """Print the JSON Schema of the spec, so that editors complete and check it."""
    import json

    from gradcli.spec.schema import schema

    if not quiet:
        write(json.dumps(schema(), indent=2, ensure_ascii=False))
    return 0
