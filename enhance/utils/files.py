"""Files that are written whole or not at all, and the lock on a folder."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_PARTIAL = ".partial"
_LOCK = ".enhance.lock"


def _read_umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


# The umask can only be read by setting it, for the whole process: done once, before there are threads.
_MODE = 0o666 & ~_read_umask()


def sentence(error: Exception) -> str:
    """The message of an error; of an OSError its file and its reason, without the number.

    Example:
        >>> sentence(FileNotFoundError(2, "No such file or directory", "photo.png"))
        'photo.png: No such file or directory.'
    """
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: a reader finds either the old file or the new one.

    The data are written to a temporary file in the same folder, which is then renamed to `path`. The file and the
    folder are synchronised with the disk, so the new file survives a power failure.

    Args:
        path: the file; missing folders are made.
        data: its content.

    Raises:
        OSError: if the folder cannot be made or written, or the disk is full; no temporary file is left.
    """
    _write_parts(path, [data])


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines, each with its end, in UTF-8, and hold none of them in memory; see `write_bytes`."""
    _write_parts(path, (line.encode() for line in lines))


def _write_parts(path: Path, parts: Iterable[bytes]) -> None:
    try:
        _write(path, parts)
    except OSError as error:  # its file name is that of the temporary file, or missing
        raise OSError(error.errno, f"cannot be written ({error.strerror})", str(path)) from error


def _write(path: Path, parts: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(_PARTIAL, f".{path.name}.", path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.writelines(parts)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, _MODE)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Synchronise a folder's entries with the disk: a rename is lost in a power failure before that."""
    if os.name == "nt":  # folders cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:  # not every file system can
        pass
    finally:
        os.close(descriptor)


def remove_partial(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder and the folders below it."""
    for file in folder.rglob(f".*{_PARTIAL}"):
        file.unlink(missing_ok=True)


@contextmanager
def lock(folder: Path, name: str = _LOCK) -> Iterator[None]:
    """Lock a folder for this process while the block runs; see `lock_file`.

    Args:
        folder: an existing folder.
        name: of the lock file; another one where only a part of the folder is locked.

    Raises:
        ValueError: if another process has locked it.
    """
    refusal = ValueError(f"Another process is at work in {folder}; let it end or stop it first.")
    with lock_file(folder / name, refusal):
        yield


@contextmanager
def lock_file(file: Path, refusal: Exception, patience: float = 0.0) -> Iterator[None]:
    """Hold the lock of a file for this process while the block runs.

    The operating system releases the lock however the process ends. The lock holds for every process that can see the
    file, which is removed at the end of the block. A killed process leaves an empty hidden file, which locks nothing
    and which the next process to lock it removes. File systems that have no locks are not locked.

    Args:
        file: of the lock, in an existing folder.
        refusal: what is raised if another process holds it.
        patience: seconds to wait for it.
    """
    from filelock import FileLock, Timeout  # takes a twentieth of a second, which `--help` need not wait for

    guard = FileLock(file)
    try:
        guard.acquire(timeout=patience)
    except Timeout as error:
        raise refusal from error
    except OSError:  # no locks there, or the folder cannot be written, which the first file written into it reports
        pass
    try:
        yield
    finally:
        _release(guard)


def _release(guard: Any) -> None:
    if not guard.is_locked:
        return
    file = Path(guard.lock_file)
    # Removed before the release, so that nobody's newly locked file is; only Windows cannot remove an open file.
    if os.name != "nt":
        file.unlink(missing_ok=True)
    guard.release()
    if os.name == "nt":
        with suppress(OSError):  # another process may have opened it by now
            file.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write text in UTF-8; see `write_bytes`."""
    write_bytes(path, text.encode())


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write standard JSON, indented; see `write_bytes`.

    Raises:
        ValueError: for NaN and infinity, which JSON does not have; see `enhance.utils.numbers.finite`.
    """
    write_text(path, json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
