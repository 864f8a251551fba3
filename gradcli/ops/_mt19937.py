"""Stream: the 32-bit words of the Mersenne Twister MT19937, in the widths in which PyTorch's CPU generator takes them.

The standard library's `random` holds the same generator and loads in a tenth of the time of `numpy.random`; long draws
go to `numpy.random`, which is several times faster for them. Both give the same words.
"""

from __future__ import annotations

from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import NumericError

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 1 << 16
"""How many numbers are made at a time, so that intermediate arrays stay in the cache."""

_LOWEST_SEED, _HIGHEST_SEED = -(2**63), 2**64 - 1


class Stream:
    """The words that follow a seed; every method goes on where the last one stopped."""

    __slots__ = ("_seed", "_source")
    _source: Random | np.random.Generator | None
    """What gives the words; made when the first ones are asked for, because most programs draw none."""

    def __init__(self, seed: int) -> None:
        if not _LOWEST_SEED <= seed <= _HIGHEST_SEED:
            raise NumericError("Overflow when unpacking long long", hint=f"a seed has 64 bits; {seed} has more")
        self._seed, self._source = seed, None

    def words(self, count: int) -> NDArray[np.uint32]:
        """Return the next words."""
        if self._source is None:
            self._source = Random()
            self._source.setstate((3, _initial_state(self._seed & 0xFFFFFFFF), None))
        if isinstance(self._source, Random):
            if count < BLOCK:
                bits = self._source.getrandbits(32 * count) if count else 0
                return np.frombuffer(bits.to_bytes(4 * count, "little"), "<u4")
            self._source = _numpy_source(self._source)
        return self._source.integers(0, 2**32, size=count, dtype=np.uint32)

    def words64(self, count: int) -> NDArray[np.uint64]:
        """Return pairs of words, the first one high."""
        pairs = self.words(2 * count).astype(np.uint64)
        return (pairs[0::2] << np.uint64(32)) | pairs[1::2]

    def floats(self, count: int) -> NDArray[np.float32]:
        """Return uniform numbers in [0, 1) with 24 bits, each of one word."""
        out = np.empty(count, np.float32)
        for start in range(0, count, BLOCK):
            block = out[start : start + BLOCK]
            np.multiply(self.words(len(block)) & np.uint32(0xFFFFFF), np.float32(2.0**-24), out=block, casting="unsafe")
        return out

    def doubles(self, count: int) -> NDArray[np.float64]:
        """Return uniform numbers in [0, 1) with 53 bits, each of two words."""
        out = np.empty(count, np.float64)
        for start in range(0, count, BLOCK):
            block = out[start : start + BLOCK]
            np.multiply(self.words64(len(block)) & np.uint64(2**53 - 1), 2.0**-53, out=block)
        return out


@lru_cache(maxsize=8)
def _initial_state(seed: int) -> tuple[int, ...]:
    """Return the state that 32 bits of seed give (Matsumoto and Nishimura's `init_genrand`), as `Random` takes it."""
    word = seed
    state = [word]
    for at in range(1, 624):
        word = (1812433253 * (word ^ (word >> 30)) + at) & 0xFFFFFFFF
        state.append(word)
    return (*state, 624)


def _numpy_source(python: Random) -> np.random.Generator:
    """Return a generator of NumPy's that goes on where `python` stopped."""
    *key, position = python.getstate()[1]
    bits = np.random.MT19937()
    bits.state = {"bit_generator": "MT19937", "state": {"key": np.array(key, np.uint32), "pos": position}}
    return np.random.Generator(bits)
