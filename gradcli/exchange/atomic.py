"""Atomic write: a file appears whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from gradcli.errors import OpError


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a new file beside `path` for bytes, and put it in its place when all went well.

    What was there is unchanged until then, and after a failure. A file that is replaced keeps its permissions, a new
    one has those of the umask; a symlink stays one. A device such as /dev/null is written to as it is. Raises OpError
    GC917.

    Example: `with atomic_write(Path("out.json")) as file: file.write(b"{}")`.
    """
    try:
        target = path.resolve()
        mode = _mode(target)
        if mode is not None and not stat.S_ISREG(mode):
            with open(target, "wb") as device:
                yield device
        else:
            with _replacement(target, mode) as file:
                yield file
    except OSError as error:
        raise OpError(f"cannot write {path}: {_reason(path, error)}", code="GC917") from None


@contextmanager
def _replacement(target: Path, mode: int | None) -> Iterator[BinaryIO]:
    draft = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666), "wb") as file:
            if mode is not None:
                os.chmod(draft, stat.S_IMODE(mode))
            yield file
        os.replace(draft, target)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


def _mode(target: Path) -> int | None:
    try:
        return os.stat(target).st_mode
    except FileNotFoundError:
        return None


def _reason(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no folder {path.parent}"
    return "it is a folder" if isinstance(error, IsADirectoryError) else error.strerror or str(error)
