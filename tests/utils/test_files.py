"""Files are whole, have the user's permissions, and a folder is locked for one process at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from enhance.utils import files
from enhance.utils.files import lock, remove_partial, write_bytes

HOLDER = """
import sys, time
from pathlib import Path
from enhance.utils.files import lock
with lock(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_a_file_has_the_permissions_of_the_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_umask(mask: int) -> int:
        raise AssertionError("another thread's file could be created with the umask of this moment")

    monkeypatch.setattr(os, "umask", no_umask)
    write_bytes(tmp_path / "a", b"1")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot synchronise folders")
def test_the_folder_is_synchronised_after_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    replace = os.replace

    def replaced(old: str, new: Path) -> None:
        done.append("rename")
        replace(old, new)

    def synchronised(descriptor: int) -> None:
        done.append("folder" if os.path.samestat(os.fstat(descriptor), tmp_path.stat()) else "file")

    monkeypatch.setattr(os, "replace", replaced)
    monkeypatch.setattr(os, "fsync", synchronised)
    write_bytes(tmp_path / "a", b"1")
    assert done == ["file", "rename", "folder"]


def test_partial_files_are_removed_and_others_stay(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for name in (".a.png.x.partial", "frames/.b.png.y.partial", "frames/b.png"):
        (tmp_path / name).touch()
    remove_partial(tmp_path)
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["b.png"]


def test_a_locked_folder_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    with lock(tmp_path):
        with pytest.raises(ValueError, match=rf"^Another process is at work in {tmp_path}; let it end or stop it"):
            lock(tmp_path).__enter__()
        (tmp_path / "other").mkdir()
        with lock(tmp_path / "other"):
            pass
    assert not list(tmp_path.rglob(".*"))
    with lock(tmp_path):
        pass
    assert not list(tmp_path.rglob(".*"))


def test_the_lock_of_a_killed_process_is_released(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(ValueError, match="Another process"):
            lock(tmp_path).__enter__()
    finally:
        process.kill()
        process.communicate()
    with lock(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_the_lock_is_released_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), lock(tmp_path):
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_a_file_system_without_locks_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def acquire(*_: object, **__: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("filelock.FileLock.acquire", acquire)
    with lock(tmp_path):
        write_bytes(tmp_path / "a", b"1")
    assert files.sentence(OSError(95, "Operation not supported")) == "Operation not supported."
