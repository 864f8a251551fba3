"""Spectrograms: Fourier transforms of overlapping frames of a signal, and the signal back from them."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import DtypeError, NumericError, ShapeError
from gradcli.ops import padding, parts, rearrange, views, windows
from gradcli.ops._families import Shape
from gradcli.ops._matrix import is_complex
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import real, sample
from gradcli.ops.fft import BY_ROOT, BY_SIZE, NONE, _fft_c2c, _fft_c2r, _fft_r2c
from gradcli.ops.product import squeeze_in_place

transpose_in_place = op(
    "transpose_", lambda x, a, b: np.swapaxes(x, a, b), names="", grad_fn="TransposeBackward1",
    signature="(input: Tensor, dim0: int, dim1: int)", shape=lambda x, a, b: _swapped(x.shape, a, b),
    vjp=dict(x=lambda g, a, b: rearrange.transpose(g, a, b)),
)  # fmt: skip


def _swapped(shape: Shape, a: int, b: int) -> Shape:
    sizes = list(shape)
    sizes[a], sizes[b] = sizes[b], sizes[a]
    return tuple(sizes)


def _full_window(window: Any, length: int, n_fft: int, dtype: str) -> Any:
    """Return the window with zeros on both sides up to n_fft points; None where there is none and none is needed."""
    if length == n_fft:
        return window
    window = np.ones(length, dtype) if window is None else window
    left = (n_fft - length) // 2
    return rearrange.constant_pad_nd(window, (left, n_fft - length - left), 0)


def _check_window(name: str, window: Any, length: int, n_fft: int) -> None:
    if not 0 < length <= n_fft:
        raise ShapeError(f"{name}: expected 0 < win_length <= n_fft, but got win_length={length}", code="GC501")
    if window is not None and window.shape != (length,):
        raise ShapeError(
            f"{name}: expected a 1D window tensor of size equal to win_length={length}, but got window with size "
            f"{list(window.shape)}"
        )


def _centered(x: Any, n_fft: int, mode: str) -> Any:
    wide = rearrange.view(x, (1,) * (3 - x.ndim) + x.shape) if x.ndim < 3 else x
    padded = padding.pad(wide, (n_fft // 2, n_fft // 2), mode)
    return rearrange.view(padded, padded.shape[-x.ndim :])


STFT = (
    "(input: Tensor, n_fft: int, hop_length: int?=None, win_length: int?=None, window: Tensor?=None, center: "
    "bool=True, "
    "pad_mode: str='reflect', normalized: bool=False, onesided: bool?=None, return_complex: bool?=None, "
    "align_to_window: bool?=None)"
)


@composite("torch Tensor", STFT, samples=lambda: [
    sample(real(16), 8, return_complex=False), sample(real(2, 16), 8, 4, 6, return_complex=False),
])  # fmt: skip
def stft(
    x: Any, n_fft: int, hop: Any = None, length: Any = None, window: Any = None, center: bool = True,
    mode: str = "reflect",
    normalized: bool = False, onesided: Any = None, return_complex: Any = None, align: Any = None,
) -> Any:  # fmt: skip
    """Return the Fourier transforms of the frames of a signal (or a batch of them): (frequencies, frames)."""
    hop, length = n_fft // 4 if hop is None else hop, n_fft if length is None else length
    if return_complex is None:
        if not (is_complex(x) or (window is not None and is_complex(window))):
            raise ShapeError(
                "stft requires the return_complex parameter be given for real inputs, and will further require that "
                "return_complex=True in a future PyTorch release.", code="GC206",
            )  # fmt: skip
        return_complex = True
    if center:
        x = _centered(x, n_fft, mode)
    if not str(x.dtype).startswith(("float", "complex")):
        raise DtypeError("stft: expected a tensor of floating point or complex values")
    if x.ndim not in (1, 2):
        raise ShapeError("stft: expected a 1D or 2D tensor")
    single = x.ndim == 1
    x = rearrange.unsqueeze(x, 0) if single else x
    if align and not center:
        x = rearrange.constant_pad_nd(x, ((n_fft - length) // 2,) * 2, 0)
    if not 0 < n_fft <= x.shape[1]:
        raise ShapeError(f"stft: expected 0 < n_fft < {x.shape[1]}, but got n_fft={n_fft}", code="GC501")
    if hop <= 0:
        raise ShapeError(f"stft: expected hop_length > 0, but got hop_length={hop}", code="GC501")
    _check_window("stft", window, length, n_fft)
    window = _full_window(window, length, n_fft, str(x.dtype))
    out = _frames_transformed(x, n_fft, hop, window, onesided, BY_ROOT if normalized else NONE)
    out = squeeze_in_place(out, 0) if single else out
    return out if return_complex else parts.view_as_real(out)


def _frames_transformed(x: Any, n_fft: int, hop: int, window: Any, onesided: Any, norm: int) -> Any:
    """Return the transforms of all frames: (batch, frequencies, frames)."""
    if dtype_name(x) == "float16":
        raise DtypeError("MKL FFT doesn't support tensors of type: Half")
    x = rearrange.contiguous(x)
    count = 1 + (x.shape[1] - n_fft) // hop
    frames = windows.as_strided(x, (x.shape[0], count, n_fft), (x.shape[1], hop, 1))
    if window is not None:
        frames = frames * window
    if is_complex(frames):
        if onesided:
            raise ShapeError("Cannot have onesided output if window or input is complex", code="GC501")
        out = _fft_c2c(frames, (2,), norm, True)
    else:
        out = _fft_r2c(frames, (2,), norm, onesided is not False)
    return transpose_in_place(out, 1, 2)


ISTFT = (
    "(input: Tensor, n_fft: int, hop_length: int?=None, win_length: int?=None, window: Tensor?=None, center: "
    "bool=True, "
    "normalized: bool=False, onesided: bool?=None, length: int?=None, return_complex: bool=False)"
)


@composite("torch Tensor", ISTFT)
def istft(
    x: Any, n_fft: int, hop: Any = None, win_length: Any = None, window: Any = None, center: bool = True,
    normalized: bool = False,
    onesided: Any = None, length: Any = None, return_complex: bool = False,
) -> Any:  # fmt: skip
    """Return the signal of these frames' transforms: overlapping frames, added and divided by the windows' squares."""
    hop, win_length = n_fft // 4 if hop is None else hop, n_fft if win_length is None else win_length
    if not is_complex(x):
        raise DtypeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    _check_window("istft", window, win_length, n_fft)
    if onesided is None:
        onesided = x.shape[-2] != n_fft
    if x.ndim not in (2, 3) or x.shape[-2] != (n_fft // 2 + 1 if onesided else n_fft):
        raise ShapeError(
            "istft: expected the frequency dimension (3rd to the last) of the input tensor to match n_fft "
            f"{'/ 2 + 1 when onesided=True' if onesided else 'when onesided=False'}, but got {x.shape[-2]}"
        )
    pairs = parts.view_as_real(x)
    single = x.ndim == 2
    pairs = rearrange.unsqueeze(pairs, 0) if single else pairs
    spectra = parts.view_as_complex(rearrange.transpose(pairs, 1, 2))
    norm = BY_ROOT if normalized else BY_SIZE
    frames = _frames_back(spectra, n_fft, norm, onesided, return_complex)
    weights = _full_window(window, win_length, n_fft, str(frames.dtype))
    weights = np.ones(n_fft, str(frames.dtype)) if weights is None else weights
    signal = _overlapped(frames, weights, n_fft, hop, n_fft // 2 if center else 0, length, center)
    return rearrange.squeeze_dim(signal, 0) if single else signal


def _frames_back(spectra: Any, n_fft: int, norm: int, onesided: bool, return_complex: bool) -> Any:
    if return_complex:
        if onesided:
            raise ShapeError("cannot have onesided output if window or input is complex", code="GC501")
        return _fft_c2c(spectra, (2,), norm, False)
    if not onesided:
        spectra = rearrange.narrow(spectra, -1, 0, n_fft // 2 + 1)
    return _fft_c2r(spectra, (2,), norm, n_fft)


def _overlapped(frames: Any, weights: Any, n_fft: int, hop: int, start: int, length: Any, center: bool) -> Any:
    """Return the weighted frames added where they lie, divided by the sum of the squared weights."""
    batch, count = frames.shape[:2]
    total = n_fft + hop * (count - 1)
    end = start + length if length is not None else total - start if center else total
    signal = windows.unfold_backward(frames * rearrange.view(weights, (1, 1, n_fft)), (batch, total), 1, n_fft, hop)
    squares = rearrange.expand(rearrange.view(weights * weights, (1, 1, n_fft)), (1, count, n_fft))
    envelope = windows.unfold_backward(squares, (1, total), 1, n_fft, hop)
    signal, envelope = (rearrange.slice_(v, 1, start, end) for v in (signal, envelope))
    data = views.array_of(envelope)
    if data is not None and data.size and np.abs(data).min() <= 1e-11:
        raise NumericError("window overlap add min: 1")
    result = signal / envelope
    missing = end - start - result.shape[1]
    return rearrange.constant_pad_nd(result, (0, missing), 0) if missing > 0 else result
