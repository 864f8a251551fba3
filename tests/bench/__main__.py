"""The benchmark: `python -m tests.bench [NAMES]` prints the table of ratios, `growth` and `start` one of their own."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str]) -> None:
    """Print the table that is asked for; one that times processes stays small itself, without numpy."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", ())
    if name == "growth":
        from tests.bench.growth import main as show
    elif name == "start":
        from tests.bench.start import main as show
    else:
        from tests.bench.table import main as show

        rest = arguments
    show(rest)


if __name__ == "__main__":
    main(sys.argv[1:])
