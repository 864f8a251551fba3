"""Tensor file: the path, suffix and key by which a spec names a tensor that is kept outside it.

    read_tensor(resolve_path(folder, "weights.npz"), "w")

Arrays keep their dtype (.npy, .npz, .safetensors); .csv and .json give nested lists of numbers, read as a literal is.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcli.errors import LimitError, OpError
from gradcli.ops._budget import BUDGET, Budget, machine_memory, resident_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

ARRAY_SUFFIXES = (".npy", ".npz", ".safetensors")
TEXT_SUFFIXES = (".csv", ".json")
PICKLED_SUFFIXES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin")

_BYTES_PER_CHARACTER = 24
"""What a character of text may take as a Python number in a list, at most about."""


def read_tensor(
    path: Path, key: str | None = None, *, required: bool = False, limits: Budget | None = None
) -> tuple[Any, bool]:
    """Return a tensor of a file, and whether it is an array (else nested lists of Python numbers).

    `key` chooses in .npz, .safetensors and a JSON object; what holds one tensor has no keys, and a `required` key (one
    that somebody wrote, where others default to the tensor's name) is an error there. Raises OpError GC910 to
    GC918, and LimitError before anything is read that would exceed the limits (default: those of the evaluation that
    runs, else the machine's memory).

    Example: `read_tensor(Path("weights.npz"), "w")` is `(array([…]), True)`.
    """
    suffix = path.suffix.lower()
    if suffix not in ARRAY_SUFFIXES + TEXT_SUFFIXES:
        raise _unknown_format(path)
    size = _check_file(path)
    token = BUDGET.set(limits or BUDGET.get() or Budget(machine_memory()))
    try:
        with _os_errors(path):
            if suffix in (".npy", ".csv") and required:
                raise no_keys(path)
            if suffix in ARRAY_SUFFIXES:
                return _read_array(path, suffix, key), True
            return _read_text(path, suffix, key, required, size), False
    finally:
        BUDGET.reset(token)


def resolve_path(folder: Path, file: str, allowed: Sequence[Path] = ()) -> Path:
    """Return the real path of a file that a spec in `folder` names, symlinks followed.

    Raises OpError GC914 where it lies neither below `folder` nor below one of `allowed`.
    """
    try:
        path = (folder / file).resolve()
        roots = [root.resolve() for root in (folder, *allowed)]
    except (OSError, RuntimeError, ValueError) as error:
        raise OpError(f"{file!r} is no path that can be followed: {error}", code="GC911") from None
    if any(path.is_relative_to(root) for root in roots):
        return path
    raise OpError(f"{file!r} lies outside the spec's folder", code="GC914", hint="allow its folder: --allow-path DIR")


def choose_key(path: Path, key: str | None, keys: Iterable[str]) -> str:
    """Return the key, or raise an error that lists the keys there are."""
    known = sorted(keys)
    if key is not None and key in known:
        return key
    if not known:
        raise OpError(f"{path.name} holds no tensors", code="GC915")
    shown = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
    if key is None:
        raise OpError(f"{path.name} holds several tensors: {shown}", code="GC915", hint=f"choose one: key: {known[0]}")
    close = get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "choose one of them with `key`"
    raise OpError(f"{path.name} has no tensor {key!r}; it has {shown}", code="GC915", hint=hint)


def broken(path: Path, what: str, hint: str | None = None) -> OpError:
    """Return the error for contents that are not what the suffix promises."""
    return OpError(f"{path.name} {what}", code="GC916", hint=hint)


def no_keys(path: Path) -> OpError:
    """Return the error for a key where there is nothing to choose."""
    return OpError(f"{path.name} holds one tensor and has no keys", code="GC915", hint="leave out `key`")


def _read_array(path: Path, suffix: str, key: str | None) -> Any:
    from gradcli.exchange import npy, npz, safetensors

    if suffix == ".npy":
        return npy.read(path)
    return (npz if suffix == ".npz" else safetensors).read(path, key)


def _read_text(path: Path, suffix: str, key: str | None, required: bool, size: int) -> Any:
    from gradcli.exchange import csv, json

    budget = BUDGET.get()
    if budget is not None and size * _BYTES_PER_CHARACTER + resident_bytes() > budget.max_bytes:
        raise LimitError(
            f"{path.name} has {size:,} bytes of text, too many for the memory that is allowed",
            hint="raise it with --max-memory, or keep the tensor in an .npy file",
        )
    return csv.read(path) if suffix == ".csv" else json.read(path, key, required)


def _check_file(path: Path) -> int:
    """Return the size of a regular file that is not empty, or raise."""
    with _os_errors(path):
        found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        raise OpError(f"{path.name} is a folder", code="GC911")
    if not stat.S_ISREG(found.st_mode):
        raise OpError(f"{path.name} is no regular file", code="GC911")
    if found.st_size == 0:
        raise broken(path, "is empty")
    return found.st_size


def _unknown_format(path: Path) -> OpError:
    known = ", ".join(ARRAY_SUFFIXES + TEXT_SUFFIXES)
    if path.suffix.lower() in PICKLED_SUFFIXES:
        message = f"{path.name} holds pickled objects, which are never read"
        return OpError(message, code="GC912", hint="save the tensor as .npz or .safetensors")
    found = f"the suffix {path.suffix!r} is not known" if path.suffix else "it has no suffix"
    return OpError(f"cannot tell the format of {path.name}: {found}", code="GC912", hint=f"known are {known}")


@contextmanager
def _os_errors(path: Path) -> Iterator[None]:
    """Make what the system says about a file an OpError."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise OpError(f"there is no file {path.name}", code="GC910", hint=_similar_file(path)) from None
    except OSError as error:
        raise OpError(f"{path.name} cannot be read: {error.strerror or error}", code="GC911") from None
    except MemoryError:
        raise LimitError(f"{path.name} does not fit into memory") from None


def _similar_file(path: Path) -> str | None:
    try:
        close = get_close_matches(path.name, sorted(os.listdir(path.parent))[:10_000], n=1)
    except OSError:
        return f"there is no folder {path.parent.name}"
    return f"did you mean {close[0]!r}?" if close else None
