"""Tensors come back from files as they were, and every bad file is refused with a code and a way out."""

from __future__ import annotations

import io
import json
import math
import os
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradcli.errors import LimitError, OpError
from gradcli.exchange.npz import write_npz
from gradcli.exchange.tensor_file import read_tensor, resolve_path
from gradcli.ops._budget import Budget
from gradcli.types.dtype import BY_NAME

NARROW = Budget(max_bytes=1 << 50, max_elements=1 << 18)
"""Limits that are reached by the number of elements, whatever this process holds."""

arrays = st.sampled_from(sorted(BY_NAME)).flatmap(
    lambda name: hnp.arrays(name, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def same(actual: Any, expected: np.ndarray) -> None:
    """Raise where arrays differ in dtype, shape or a bit of their numbers."""
    assert isinstance(actual, np.ndarray)
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
    assert actual.tobytes() == expected.tobytes()
    assert actual.flags.writeable


def refusal(path: Path, key: str | None = None, **options: Any) -> OpError:
    """Return the error that reading a file raises."""
    with pytest.raises(OpError) as raised:
        read_tensor(path, key, **options)
    return raised.value


def outcome(path: Path) -> str:
    """Return the code of the error that reading a file raises, `GC9 none` where there is none."""
    try:
        read_tensor(path, "x", limits=NARROW)
    except OpError as error:
        return error.code
    return "GC9 none"


def written(path: Path, contents: bytes | str) -> Path:
    """Return the path of a file that has these contents."""
    path.write_bytes(contents.encode() if isinstance(contents, str) else contents)
    return path


def npy_bytes(array: np.ndarray, **options: Any) -> bytes:
    """Return an array as NumPy writes it."""
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


@same_folder
@given(x=arrays)
def test_npy_round_trip(tmp_path: Path, x: np.ndarray) -> None:
    """What NumPy saves is read with its dtype, shape and bits."""
    np.save(tmp_path / "x.npy", x)
    value, is_array = read_tensor(tmp_path / "x.npy", "x")
    assert is_array
    same(value, x)


@same_folder
@given(x=arrays, y=arrays)
def test_npz_round_trip(tmp_path: Path, x: np.ndarray, y: np.ndarray) -> None:
    """Each array of an .npz file is found by its key, compressed or not, whoever wrote it."""
    for write in (np.savez, np.savez_compressed, lambda path, **arrays: write_npz(path, arrays)):
        write(tmp_path / "t.npz", **{"x": x, "y.grad": y})
        same(read_tensor(tmp_path / "t.npz", "x")[0], x)
        same(read_tensor(tmp_path / "t.npz", "y.grad")[0], y)


def test_numpy_reads_what_write_npz_writes(tmp_path: Path) -> None:
    """A written .npz file is an ordinary one."""
    expected = {"w": np.arange(6.0).reshape(2, 3), "w.grad": np.ones((2, 3), np.float16), "n": np.array(True)}
    write_npz(tmp_path / "t.npz", expected)
    with np.load(tmp_path / "t.npz", allow_pickle=False) as found:
        assert sorted(found.files) == sorted(expected)
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array)


def test_write_npz_gives_the_same_bytes_each_time(tmp_path: Path) -> None:
    """Neither the time nor the path leaves a trace in the file."""
    for name in ("a.npz", "b.npz"):
        write_npz(tmp_path / name, {"w": np.arange(4), "b": np.zeros(2)})
    contents = (tmp_path / "a.npz").read_bytes()
    assert contents == (tmp_path / "b.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize("dtype", [">f4", ">i8", ">c16"])
def test_other_byte_orders_become_native(tmp_path: Path, dtype: str) -> None:
    """A big-endian array has the same numbers in the machine's order."""
    x = np.arange(6).reshape(2, 3).astype(dtype)
    np.save(tmp_path / "x.npy", x)
    same(read_tensor(tmp_path / "x.npy")[0], x.astype(x.dtype.newbyteorder("=")))


def test_fortran_order_is_kept(tmp_path: Path) -> None:
    """An array that lies in memory column by column is read so."""
    x = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.save(tmp_path / "x.npy", x)
    value, _ = read_tensor(tmp_path / "x.npy")
    assert value.strides == x.strides
    np.testing.assert_array_equal(value, x)


def test_bytes_that_are_no_bool_become_true(tmp_path: Path) -> None:
    """A bool array never holds a byte other than 0 and 1, whatever the file has."""
    contents = npy_bytes(np.array([True, False, True]))
    value, _ = read_tensor(written(tmp_path / "x.npy", contents[:-1] + b"\x07"))
    assert value.view(np.uint8).tolist() == [1, 0, 1]


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_npy_is_read(tmp_path: Path, version: tuple[int, int]) -> None:
    """The three versions of the format differ in their headers only."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.arange(3.0), version=version)
    same(read_tensor(written(tmp_path / "x.npy", stream.getvalue()))[0], np.arange(3.0))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,2\n3,4\n", [[1, 2], [3, 4]]),
        ("1\n2\n3\n", [1, 2, 3]),
        ("1, 2.5, -3e2", [1, 2.5, -300.0]),
        ("7\n", 7),
        ("a,column 2\n1,2\n3,4\n", [[1, 2], [3, 4]]),
        ("# made by hand\n\n1,2\r\n\r\n3,4\r\n", [[1, 2], [3, 4]]),
        ("true,False\nTRUE,false", [[True, False], [True, False]]),
        ("1+2j,-3.5j,2-1i,4", [1 + 2j, -3.5j, 2 - 1j, 4]),
        ('"1","2"\n', [1, 2]),
        ("\ufeff1,2\n", [1, 2]),
        ("-inf,inf,Infinity", [-math.inf, math.inf, math.inf]),
    ],
)
def test_csv_is_read_as_a_literal(tmp_path: Path, text: str, value: Any) -> None:
    """Cells keep their kind; a header, comments and blank lines are skipped; one row or column is a vector."""
    found, is_array = read_tensor(written(tmp_path / "x.csv", text))
    assert not is_array
    assert found == value
    assert [type(cell) for cell in np.ravel(np.array(found, object))] == [
        type(cell) for cell in np.ravel(np.array(value, object))
    ]


def test_csv_knows_nan(tmp_path: Path) -> None:
    """`nan` is a number in a CSV file."""
    first, second = read_tensor(written(tmp_path / "x.csv", "nan,1"))[0]
    assert math.isnan(first)
    assert second == 1


@same_folder
@given(x=hnp.arrays("float64", hnp.array_shapes(min_dims=1, max_dims=2, min_side=2, max_side=4)))
def test_csv_round_trip_with_numpy(tmp_path: Path, x: np.ndarray) -> None:
    """What `numpy.savetxt` writes is read as `numpy.loadtxt` reads it."""
    np.savetxt(tmp_path / "x.csv", x, delimiter=",", fmt="%.17g", header="made by savetxt")
    expected = np.loadtxt(tmp_path / "x.csv", delimiter=",")
    np.testing.assert_array_equal(np.array(read_tensor(tmp_path / "x.csv")[0], float), expected)


numbers = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4),
)


@same_folder
@given(value=numbers)
def test_json_round_trip(tmp_path: Path, value: Any) -> None:
    """Nested lists of numbers come back from JSON, in a file of their own or under a key."""
    path = written(tmp_path / "x.json", json.dumps(value))
    assert read_tensor(path, "x") == (value, False)
    path = written(tmp_path / "x.json", json.dumps({"w": 0, "x": value}))
    assert read_tensor(path, "x") == (value, False)


def test_json_has_words_for_the_numbers_that_it_lacks(tmp_path: Path) -> None:
    """Strings stand for non-finite and complex numbers, as in gradcli's own JSON."""
    path = written(tmp_path / "x.json", '["inf", "-inf", "1+2j", Infinity, 3]')
    assert read_tensor(path)[0] == [math.inf, -math.inf, 1 + 2j, math.inf, 3]


def test_a_key_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    """The error says which tensors the file has, and which one was perhaps meant."""
    np.savez(tmp_path / "t.npz", weight=np.ones(2), bias=np.ones(1))
    error = refusal(tmp_path / "t.npz", "wieght")
    assert error.code == "GC915"
    assert "t.npz has no tensor 'wieght'; it has bias, weight" in error.message
    assert error.hint == "did you mean 'weight'?"
    assert refusal(tmp_path / "t.npz").code == "GC915"
    assert refusal(written(tmp_path / "t.json", '{"a": 1, "b": 2}'), "c").code == "GC915"


@pytest.mark.parametrize("name", ["x.npy", "x.csv", "x.json"])
def test_a_written_key_needs_keys(tmp_path: Path, name: str) -> None:
    """A key that somebody wrote is an error in a file of one tensor; the default one is not."""
    path = written(tmp_path / name, npy_bytes(np.array(1)) if name == "x.npy" else "1")
    assert read_tensor(path, "w")[0] == 1
    assert refusal(path, "w", required=True).message == f"{name} holds one tensor and has no keys"


def test_a_missing_file_suggests_a_similar_one(tmp_path: Path) -> None:
    """A slip in a file's name is answered with the name that exists."""
    np.save(tmp_path / "weights.npy", np.ones(2))
    error = refusal(tmp_path / "wieghts.npy")
    assert (error.code, error.hint) == ("GC910", "did you mean 'weights.npy'?")
    assert "there is no folder nowhere" in str(refusal(tmp_path / "nowhere" / "x.npy").hint)


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    """A folder and a pipe are refused, and not waited for."""
    (tmp_path / "x.npy").mkdir()
    os.mkfifo(tmp_path / "p.csv")
    assert (refusal(tmp_path / "x.npy").code, refusal(tmp_path / "p.csv").code) == ("GC911", "GC911")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    """What the system forbids is said in its words."""
    path = written(tmp_path / "x.csv", "1")
    path.chmod(0)
    assert refusal(path).message == "x.csv cannot be read: Permission denied"


@pytest.mark.parametrize("name", ["x.txt", "x", "x.pt", "x.pkl"])
def test_unknown_suffixes_are_refused(tmp_path: Path, name: str) -> None:
    """The suffix says the format, and pickled formats are none."""
    error = refusal(written(tmp_path / name, "1"))
    assert error.code == "GC912"
    assert ".npz" in str(error.hint)


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.csv", "x.json", "x.safetensors"])
def test_empty_files_are_refused(tmp_path: Path, name: str) -> None:
    """An empty file holds no tensor in any format."""
    error = refusal(written(tmp_path / name, b""))
    assert (error.code, error.message) == ("GC916", f"{name} is empty")


class Trap:
    """An object whose pickle writes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_pickled_objects_are_refused_unread(tmp_path: Path) -> None:
    """No file runs code: neither an object array, in .npy or .npz, nor a bare pickle."""
    trap = np.array([Trap(tmp_path / "sprung")], object)
    np.save(tmp_path / "a.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "b.npz", x=trap)
    written(tmp_path / "c.npy", pickle.dumps(trap))
    codes = [refusal(tmp_path / name, "x").code for name in ("a.npy", "b.npz", "c.npy")]
    assert codes == ["GC913"] * 3
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("dtype", ["uint16", "uint64", "longdouble", "U3", "S2", "M8[s]", "V2", "f4,i4"])
def test_dtypes_that_a_spec_cannot_name_are_refused(tmp_path: Path, dtype: str) -> None:
    """The error says which dtype it is, or that it is structured."""
    x = np.zeros(2, dtype)
    np.save(tmp_path / "x.npy", x)
    error = refusal(tmp_path / "x.npy")
    assert error.code == "GC916"
    assert ("structured" if x.dtype.names else f"dtype {x.dtype.name}") in error.message


@pytest.mark.parametrize("length", [3, 9, 40, 127, 130])
def test_truncated_npy_is_refused(tmp_path: Path, length: int) -> None:
    """A file that is cut short anywhere is refused."""
    contents = npy_bytes(np.arange(8.0))
    assert refusal(written(tmp_path / "x.npy", contents[:length])).code == "GC916"


@same_folder
@given(noise=st.binary(min_size=1, max_size=200), keep=st.integers(0, 140))
def test_no_contents_make_the_readers_fail_otherwise(tmp_path: Path, noise: bytes, keep: int) -> None:
    """Whatever a file holds, it gives a tensor or a GC9xx error."""
    array = npy_bytes(np.arange(8.0))
    stream = io.BytesIO()
    np.savez(stream, x=np.arange(8.0))
    starts = {"npy": array, "npz": stream.getvalue(), "csv": b"1,2\n", "json": b'{"x": [', "safetensors": b""}
    for suffix, start in starts.items():
        path = written(tmp_path / f"x.{suffix}", start[:keep] + noise)
        assert outcome(path).startswith("GC9")


def header(shape: str, descr: str = "'<f8'") -> bytes:
    """Return the head of an .npy file that declares anything."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize("shape", ["(1000000000000,)", f"({2**62}, {2**62})", "(-1,)", "'x'", "(1.5,)", "(" * 2000])
def test_npy_headers_that_lie_are_refused(tmp_path: Path, shape: str) -> None:
    """A header that declares more than is allowed, or nonsense, is refused before memory is taken."""
    error = refusal(written(tmp_path / "x.npy", header(shape) + b"\0" * 64), limits=NARROW)
    assert error.code == ("GC902" if "000" in shape or "4611" in shape else "GC916")


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    """A small .npz file that unpacks to more than is allowed is refused before it is unpacked."""
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros(1 << 20))
    assert (tmp_path / "x.npz").stat().st_size < 20_000
    with pytest.raises(LimitError):
        read_tensor(tmp_path / "x.npz", "x", limits=NARROW)


def test_without_limits_the_machine_is_one(tmp_path: Path) -> None:
    """Even where nobody set limits, a file cannot ask for more memory than there is."""
    with pytest.raises(LimitError):
        read_tensor(written(tmp_path / "x.npy", header(f"({1 << 39},)")))


def test_a_bomb_in_the_header_is_refused(tmp_path: Path) -> None:
    """A header that declares gigabytes of itself is refused before they are unpacked."""
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x02\x00" + (1 << 30).to_bytes(4, "little") + b" " * (1 << 20))
    assert "header" in refusal(tmp_path / "x.npz", "x").message


def test_text_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    """A text file is held to the memory limit before it is parsed."""
    path = written(tmp_path / "x.csv", "1,2,3\n" * 100)
    with pytest.raises(LimitError) as raised:
        read_tensor(path, limits=Budget(max_bytes=1000))
    assert raised.value.code == "GC901"


def test_broken_zip_files_are_refused(tmp_path: Path) -> None:
    """A damaged, cut, encrypted or empty archive is refused."""
    np.savez(tmp_path / "good.npz", x=np.arange(100.0))
    contents = bytearray((tmp_path / "good.npz").read_bytes())
    cut = written(tmp_path / "cut.npz", bytes(contents[:200]))
    contents[contents.index(b"NUMPY") + 300] ^= 0xFF
    damaged = written(tmp_path / "damaged.npz", bytes(contents))
    flagged = bytearray((tmp_path / "good.npz").read_bytes())
    flagged[6] |= 1
    flagged[flagged.rindex(b"PK\x01\x02") + 8] |= 1
    encrypted = written(tmp_path / "encrypted.npz", bytes(flagged))
    with zipfile.ZipFile(tmp_path / "none.npz", "w") as archive:
        archive.writestr("readme.txt", "no arrays")
    assert [refusal(path, "x").code for path in (cut, damaged, encrypted)] == ["GC916"] * 3
    assert refusal(tmp_path / "none.npz", "x").message == "none.npz holds no tensors"


def test_a_renamed_npz_is_recognised(tmp_path: Path) -> None:
    """An .npz file that is called .npy gets a hint."""
    np.savez(tmp_path / "x.npz", x=np.ones(2))
    (tmp_path / "x.npz").rename(tmp_path / "x.npy")
    assert "rename it" in str(refusal(tmp_path / "x.npy").hint)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.csv", "1,2\n3\n", "has 1 cells in line 2, and 2 in the first row"),
        ("x.csv", "1,2\n3,\n", "has '' in line 2, cell 2: no number"),
        ("x.csv", "1 2\n3 4\n", "has '1 2' in line 1, cell 1: no number"),
        ("x.csv", "1;2\n3;4\n", "has '1;2' in line 1, cell 1: no number"),
        ("x.csv", "1,2\n3 4,5\n", "has '3 4' in line 2, cell 1: no number"),
        ("x.csv", "1,x\n", "has 'x' in line 1, cell 2: no number"),
        ("x.csv", "a,b\n", "has no row of numbers"),
        ("x.csv", b"\xff\xfe1,2", "is no text in UTF-8"),
        ("x.csv", "1_000,2", "has '1_000' in line 1, cell 1: no number"),
        ("x.json", "[1, 2", "is no JSON"),
        ("x.json", "[1, null]", "has null where a number belongs"),
        ("x.json", '["a"]', 'has "a" where a number belongs'),
        ("x.json", '[{"a": 1}]', 'has {"a": 1} where a number belongs'),
        ("x.json", "[" * 100_000, "is nested too deeply"),
        ("x.json", "[" * 200 + "]" * 200, "is nested too deeply"),
        ("x.json", "1" * 5000, "is no JSON"),
        ("x.json", b"\xff\xfe1", "is no text in UTF-8"),
    ],
)
def test_broken_text_files_are_refused(tmp_path: Path, name: str, text: str | bytes, message: str) -> None:
    """The error says where the text stops to be numbers."""
    error = refusal(written(tmp_path / name, text), "x")
    assert error.code == "GC916"
    assert message in error.message


def test_paths_stay_in_the_folder(tmp_path: Path) -> None:
    """A path may go down but not out, not by `..`, not by `/` and not by a symlink, unless that folder is allowed."""
    inside, outside = tmp_path / "specs", tmp_path / "data"
    (inside / "deep").mkdir(parents=True)
    outside.mkdir()
    (inside / "link").symlink_to(outside)
    (inside / "down").symlink_to(inside / "deep")
    for file in ("w.npz", "deep/w.npz", "deep/../w.npz", "down/w.npz", str(inside / "w.npz")):
        assert resolve_path(inside, file).is_relative_to(inside.resolve())
    for file in ("../data/w.npz", str(outside / "w.npz"), "link/w.npz", "..", "/etc/passwd", "../specs2/w.npz"):
        with pytest.raises(OpError, match="outside the spec's folder") as raised:
            resolve_path(inside, file)
        assert raised.value.code == "GC914"
        assert "--allow-path" in str(raised.value.hint)
    for file in ("../data/w.npz", str(outside / "w.npz"), "link/w.npz"):
        assert resolve_path(inside, file, [outside]) == (outside / "w.npz").resolve()


def test_paths_that_cannot_be_followed_are_refused(tmp_path: Path) -> None:
    """A path with a null character, or a symlink to itself, is an error like any other."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for file in ("a\0b.npy", "loop/x.npy"):
        with pytest.raises(OpError) as raised:
            read_tensor(resolve_path(tmp_path, file))
        assert raised.value.code in ("GC910", "GC911")


class TestSafetensors:
    """The format of the extra."""

    def test_round_trip(self, tmp_path: Path) -> None:
        """Arrays of every dtype but complex128 come back, in any memory order, in the same bytes each time."""
        pytest.importorskip("safetensors")
        from gradcli.exchange.safetensors import write_safetensors

        dtypes = [name for name in BY_NAME if name != "complex128"]
        expected = {name: np.arange(6).reshape(2, 3).astype(name) for name in dtypes}
        expected |= {"fortran": np.asfortranarray(np.arange(6).reshape(2, 3)), "scalar": np.array(2.5)}
        for file in ("a.safetensors", "b.safetensors"):
            write_safetensors(tmp_path / file, expected)
        assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
        for name, array in expected.items():
            same(read_tensor(tmp_path / "a.safetensors", name)[0], array)

    def test_errors(self, tmp_path: Path) -> None:
        """A missing key, an unknown dtype, too large a tensor and a broken file are refused."""
        package = pytest.importorskip("safetensors.numpy")
        from gradcli.exchange.safetensors import write_safetensors

        path = tmp_path / "x.safetensors"
        package.save_file({"w": np.zeros(3, np.uint16), "long": np.zeros(1 << 19, np.uint8)}, path)
        assert refusal(path, "v").code == "GC915"
        assert "w in dtype U16" in refusal(path, "w").message
        assert refusal(path, "long", limits=NARROW).code == "GC902"
        assert refusal(written(path, b"\x10" + b"\0" * 30), "w").code == "GC916"
        with pytest.raises(OpError, match="no dtype complex128, which w has"):
            write_safetensors(path, {"w": np.zeros(2, complex)})

    def test_without_the_package(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the extra is not installed, the error says how to install it."""
        monkeypatch.setitem(sys.modules, "safetensors", None)
        error = refusal(written(tmp_path / "x.safetensors", b"x" * 10))
        assert (error.code, error.hint) == ("GC918", 'pip install "gradcli[safetensors]"')
