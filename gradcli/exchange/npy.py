"""NPY: one array in NumPy's own format; never a pickled one.

Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import math
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from gradcli.errors import OpError
from gradcli.exchange.tensor_file import broken
from gradcli.ops._budget import allow
from gradcli.types.dtype import BY_NAME

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000


def read(path: Path) -> NDArray[Any]:
    """Return the array of a file."""
    with open(path, "rb") as file:
        return read_stream(file, path)


def read_stream(file: Any, path: Path, name: str | None = None) -> NDArray[Any]:
    """Return the array that begins here; `path` and `name` are for messages."""
    label = path if name is None else path.with_name(f"{path.name}[{name}]")
    shape, fortran, dtype = _read_header(file, label)
    check_dtype(label, dtype)
    allow(shape, dtype.itemsize)
    flat = np.empty(math.prod(shape), dtype)
    _fill(file, flat, label)
    if not dtype.isnative:
        flat = flat.astype(dtype.name)
    if dtype == np.bool_:
        flat = flat.view(np.uint8) != 0
    return flat.reshape(shape, order="F" if fortran else "C")


def check_dtype(path: Path, dtype: np.dtype[Any]) -> None:
    """Raise where a dtype is none of PyTorch's that a spec can name."""
    if dtype.hasobject:
        raise OpError(f"{path.name} holds pickled Python objects, which are never read", code="GC913")
    if dtype.names is not None or dtype.subdtype is not None:
        raise broken(path, "has a structured dtype; a tensor has one number per element")
    if dtype.name not in BY_NAME:
        raise broken(path, f"has dtype {dtype.name}, which is none of {', '.join(BY_NAME)}")


def write_stream(file: BinaryIO | Any, array: NDArray[Any]) -> None:
    """Write an array; the same array gives the same bytes."""
    np.lib.format.write_array(file, np.asarray(array), version=(1, 0), allow_pickle=False)


def _read_header(file: Any, path: Path) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    start = file.read(8)
    if start[:6] != _MAGIC:
        raise _not_npy(path, start)
    wide = start[6:7] != b"\x01"
    width = 4 if wide else 2
    prefix = file.read(width)
    length = int.from_bytes(prefix, "little")
    if start[6:7] not in (b"\x01", b"\x02", b"\x03") or length > _LONGEST_HEADER:
        raise broken(path, "has a header that is not NumPy's")
    text = file.read(length)
    if len(prefix) < width or len(text) < length:
        raise broken(path, "is cut short: its header is not complete")
    header = np.lib.format.read_array_header_2_0 if wide else np.lib.format.read_array_header_1_0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, fortran, dtype = header(BytesIO(prefix + text))
    except Exception as error:  # whatever the header's literal makes NumPy raise
        raise broken(path, f"has a header that is not NumPy's: {error}") from None
    if any(size < 0 for size in shape):
        raise broken(path, f"has a negative size in its shape {shape}")
    return shape, fortran, dtype


def _not_npy(path: Path, start: bytes) -> OpError:
    if start[:1] == b"\x80":
        return OpError(f"{path.name} holds pickled Python objects, which are never read", code="GC913")
    hint = "it looks like an .npz file: rename it" if start[:2] == b"PK" else None
    return broken(path, "is no .npy file: it does not begin as one", hint)


def _fill(file: Any, flat: NDArray[Any], path: Path) -> None:
    rest = flat.view(np.uint8).data
    while len(rest):
        count = file.readinto(rest)
        if not count:
            raise broken(path, f"is cut short: {len(rest):,} of {flat.nbytes:,} bytes are missing")
        rest = rest[count:]
