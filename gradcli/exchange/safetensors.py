"""Safetensors: named arrays in Hugging Face's format, by way of the extra `safetensors`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcli.errors import OpError
from gradcli.exchange.atomic import atomic_write
from gradcli.exchange.tensor_file import broken, choose_key
from gradcli.ops._budget import allow
from gradcli.types.dtype import BY_NAME

_DTYPES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64", "F16": "float16",
    "F32": "float32", "F64": "float64", "C64": "complex64",
}  # fmt: skip


def read(path: Path, key: str | None) -> NDArray[Any]:
    """Return one array of a file."""
    package = _package()
    try:
        with package.safe_open(path, framework="numpy") as file:
            chosen = choose_key(path, key, file.keys())
            entry = file.get_slice(chosen)
            if entry.get_dtype() not in _DTYPES:
                raise broken(path, f"has {chosen} in dtype {entry.get_dtype()}, which is none of {', '.join(BY_NAME)}")
            dtype = np.dtype(_DTYPES[entry.get_dtype()])
            allow(tuple(entry.get_shape()), dtype.itemsize)
            return np.asarray(file.get_tensor(chosen), dtype)
    except package.SafetensorError as error:
        raise broken(path, f"is no .safetensors file, or a broken one: {error}") from None


def write_safetensors(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays; the same arrays give the same bytes. The format has no complex128."""
    _package()
    from safetensors.numpy import save

    for name, array in arrays.items():
        if np.asarray(array).dtype.name not in _DTYPES.values():
            message = f"safetensors has no dtype {np.asarray(array).dtype.name}, which {name} has"
            raise OpError(message, code="GC917", hint="write an .npz file")
    contents = save({name: np.array(array, order="C") for name, array in arrays.items()})
    with atomic_write(path) as file:
        file.write(contents)


def _package() -> Any:
    try:
        import safetensors
    except ImportError:
        hint = 'pip install "gradcli[safetensors]"'
        raise OpError("files in .safetensors need the package safetensors", code="GC918", hint=hint) from None
    return safetensors
