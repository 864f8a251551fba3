"""NPZ: named arrays, a zip file of .npy files."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from numpy.typing import NDArray

from gradcli.exchange import npy
from gradcli.exchange.atomic import atomic_write
from gradcli.exchange.tensor_file import broken, choose_key

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o100644 << 16
_UNIX = 3


def read(path: Path, key: str | None) -> NDArray[Any]:
    """Return one array of a file."""
    try:
        with ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            chosen = choose_key(path, key, names)
            with archive.open(f"{chosen}.npy") as member:
                return npy.read_stream(member, path, chosen)
    except (BadZipFile, EOFError, zlib.error) as error:
        raise broken(path, f"is no .npz file, or a broken one: {error}") from None
    except (RuntimeError, NotImplementedError) as error:  # encryption and rare methods of compression
        raise broken(path, f"is a zip file that cannot be read: {error}") from None


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays; the same arrays give the same bytes, at any time and on any system."""
    with atomic_write(path) as file, ZipFile(file, "w", ZIP_STORED) as archive:
        for name, array in arrays.items():
            info = ZipInfo(f"{name}.npy", _FIRST_DAY)
            info.external_attr, info.create_system = _PLAIN_FILE, _UNIX
            with archive.open(info, "w", force_zip64=True) as member:
                npy.write_stream(member, array)
