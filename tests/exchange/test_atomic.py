"""A file appears whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gradcli.errors import OpError
from gradcli.exchange.atomic import atomic_write


def test_the_file_appears_when_all_is_written(tmp_path: Path) -> None:
    """Until the end there is nothing at the path, then all of it, and nothing else in the folder."""
    path = tmp_path / "out.json"
    with atomic_write(path) as file:
        file.write(b"{")
        file.flush()
        assert not path.exists()
        file.write(b"}")
    assert path.read_bytes() == b"{}"
    assert os.listdir(tmp_path) == ["out.json"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_what_was_there(tmp_path: Path, failure: type[BaseException]) -> None:
    """After a failure the old file is as it was, and no temporary one is left."""
    path = tmp_path / "out.json"
    path.write_bytes(b"old")

    def fail() -> None:
        with atomic_write(path) as file:
            file.write(b"new")
            raise failure

    with pytest.raises(failure):
        fail()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out.json"]


def test_permissions_are_those_of_the_umask_or_of_the_old_file(tmp_path: Path) -> None:
    """A new file is made as any program makes one; a replaced one keeps its mode."""
    before = os.umask(0o027)
    try:
        for path in (tmp_path / "new", tmp_path / "old"):
            path.touch()
            path.chmod(0o604)
        (tmp_path / "new").unlink()
        for path in (tmp_path / "new", tmp_path / "old"):
            with atomic_write(path) as file:
                file.write(b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o604


def test_a_symlink_stays_one(tmp_path: Path) -> None:
    """Writing to a symlink replaces the file that it points to."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "out")
    with atomic_write(tmp_path / "link") as file:
        file.write(b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "out").read_bytes() == b"x"


def test_a_device_is_written_to(tmp_path: Path) -> None:
    """/dev/null stays a device."""
    with atomic_write(Path("/dev/null")) as file:
        file.write(b"x")
    assert Path("/dev/null").is_char_device()


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A missing folder, a folder at the path, and a full device are errors GC917 with a reason."""
    (tmp_path / "folder").mkdir()
    reasons = {
        tmp_path / "nowhere" / "out": f"there is no folder {tmp_path / 'nowhere'}",
        tmp_path / "folder": "it is a folder",
        Path("/dev/full"): "No space left on device",
    }
    for path, reason in reasons.items():
        with pytest.raises(OpError) as raised, atomic_write(path) as file:
            file.write(b"x" * 100_000)
        assert raised.value.code == "GC917"
        assert raised.value.message == f"cannot write {path}: {reason}"
