"""The score: how many of PyTorch's OpInfo samples agree, and where README says so.

`python -m tests.conformance.score` prints it; with `--write` it replaces what stands between the markers in README.md.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.conformance.entries import recorded

README = Path(__file__).parent.parent.parent / "README.md"
MARKED = re.compile(r"(<!-- score -->).*?(<!-- /score -->)", re.DOTALL)


def score(entry: str) -> tuple[str, int, int]:
    """Return an entry's name, its samples that agree, and all its samples."""
    from tests.conformance import oracle

    found = oracle.compare(entry, oracle.op_infos()[entry])
    return entry, found.passed, found.total


def sentence(scores: Sequence[tuple[str, int, int]]) -> str:
    """Return what README says about the scores of all entries."""
    passed, total = sum(p for _, p, _ in scores), sum(t for _, _, t in scores)
    whole = sum(p == t for _, p, t in scores)
    return (
        f"**{passed:,} of {total:,} samples** of PyTorch 2.13's own OpInfo tests agree in value, dtype, memory layout, "
        f"`grad_fn`, graph and gradient; {whole} of {len(scores)} entries do so in every sample."
    )


def written(text: str, words: str) -> str:
    """Return a text with words between its markers; raise ValueError where it has none."""
    if not MARKED.search(text):
        raise ValueError("README.md has no <!-- score --> … <!-- /score -->")
    return MARKED.sub(lambda match: f"{match[1]}\n{words}\n{match[2]}", text)


def main() -> None:
    """Compute the score with two processes, print it, and write it where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the score into README.md")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.processes) as pool:
        scores = list(pool.map(score, recorded(), chunksize=8))
    for entry, passed, total in scores:
        if passed < total:
            print(f"{entry}: {passed}/{total}")
    print(sentence(scores))
    if options.write:
        README.write_text(written(README.read_text(encoding="utf-8"), sentence(scores)), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
