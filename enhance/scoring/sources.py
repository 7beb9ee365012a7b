"""Images of pairs as they are read: files, samples and URLs of any store of fsspec, with a digest of each."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from enhance.images.pictures import open_picture, picture_path
from enhance.images.reading import ImageError, Picture, read
from enhance.utils.defaults import BACKGROUND
from enhance.utils.hashes import hash_file

_DIGITS = 12
_VERSIONS = ("etag", "md5", "checksum", "crc", "modified", "mtime", "created", "updated", "generation", "digest")


def is_url(name: str) -> bool:
    """Whether a name is a URL, `s3://bucket/a.png`.

    Example:
        >>> is_url("s3://bucket/a.png"), is_url("photos/a.png")
        (True, False)
    """
    return "://" in name


def open_source(name: str, background: str = BACKGROUND, range: float | None = None) -> Picture:
    """The picture in a file, a sample by its name, or at a URL; see `read` for the arguments.

    Raises:
        ImageError: if it cannot be read; one sentence says why.

    Example:
        >>> open_source("astronaut").image.shape
        torch.Size([1, 3, 512, 512])
    """
    if not is_url(name):
        return open_picture(name, background, range=range)
    data = read_url(name)
    descriptor, file = tempfile.mkstemp(PurePosixPath(name.partition("?")[0]).suffix)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        picture = read(file, background, range=range)
    except ImageError as error:
        raise ImageError(str(error).replace(file, name)) from error
    finally:
        os.unlink(file)
    local = Path(file).name
    notes = tuple(note.replace(local, PurePosixPath(name).name) for note in picture.notes)
    return replace(picture, source=name, path=None, notes=notes)


def read_url(url: str) -> bytes:
    """The bytes at a URL.

    Raises:
        ImageError: if it cannot be read; one sentence says why.
    """
    system, path = _found(url)
    try:
        return system.cat_file(path)
    except Exception as error:  # each store has errors of its own
        raise _unread(url, error) from error


def digest(name: str) -> str:
    """A digest of what a name stands for: of a file's bytes, of the version that a store reports of a URL, or of its
    bytes where the store reports none. Empty where it cannot be read.

    Example:
        >>> len(digest("astronaut")), digest("gone.png")
        (12, '')
    """
    try:
        return (_url_digest(name) if is_url(name) else hash_file(picture_path(name)))[:_DIGITS]
    except (OSError, ImageError):
        return ""


def _url_digest(url: str) -> str:
    system, path = _found(url)
    try:
        about = system.info(path)
    except Exception as error:
        raise _unread(url, error) from error
    versioned = any(word in key.lower() and value for key, value in about.items() for word in _VERSIONS)
    text = json.dumps(about, sort_keys=True, default=str).encode() if versioned else read_url(url)
    return hashlib.sha256(text).hexdigest()


def _found(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    from fsspec.core import url_to_fs  # a dependency of torch

    try:
        return url_to_fs(url)
    except Exception as error:  # an unknown protocol, or a package of one that is missing
        raise _unread(url, error) from error


def _unread(url: str, error: Exception) -> ImageError:
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    return ImageError(f"{url} cannot be read ({reason}).")
