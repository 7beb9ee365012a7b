"""What a file is that is no image that can be read, by its first bytes: a name and a remedy for the message."""

from __future__ import annotations

from pathlib import Path

from enhance.images.suffixes import EXR, EXTRAS, HEIC, JPEG_XL, KINDS, RADIANCE, RAW, Extra

HEAD = 1 << 20  # bytes that are looked at

_CONVERT = "convert it to PNG or TIFF"
_BEGINS: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer, not the picture itself", "fetch it with `git lfs pull`"),
    (b"%PDF", "a PDF", "export the page as PNG"),
    (b"%!PS", "PostScript", "export it as PNG"),
    (b"8BPS", "a Photoshop document", "export it as PNG or TIFF"),
    (b"gimp xcf", "a GIMP document", "export it as PNG or TIFF"),
    (b"SIMPLE  =", "FITS", _CONVERT),
    (b"\x89HDF", "HDF5", "save its arrays as images"),
    (b"\x93NUMPY", "a NumPy array", "give numpy.load(...) to enhance.optimize, or save it as an image"),
    (b"PK\x03\x04", "a ZIP archive", "unpack it"),
    (b"\x1f\x8b", "compressed with gzip", "unpack it"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it"),
    (b"\x1aE\xdf\xa3", "a video (Matroska or WebM)", "extract a frame, e.g. with ffmpeg"),
    (b"\0\0\1\xba", "a video (MPEG)", "extract a frame, e.g. with ffmpeg"),
    (b"\0\0\1\xb3", "a video (MPEG)", "extract a frame, e.g. with ffmpeg"),
    (b"YUV4MPEG2", "a video (Y4M)", "extract a frame, e.g. with ffmpeg"),
    (b"FLV\1", "a video (Flash)", "extract a frame, e.g. with ffmpeg"),
)
_STILL = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")  # brands of HEIF files


def refusal(path: Path, head: bytes) -> str:
    """Why a file that begins with `head` is not read, a sentence; empty if it may be an image.

    Example:
        >>> refusal(Path("page.jpg"), b"<!doctype html>")
        'page.jpg is a web page; download the picture itself.'
    """
    if extra := needed(path, head):
        return (
            ""
            if extra.installed
            else (f"{path} is {extra.title}, read after pip install 'enhance[{extra.extra}]'; or {_CONVERT}.")
        )
    if twelve := _jpeg_precision(head):
        return f"{path} is a JPEG of {twelve} bits, which cannot be decoded; {_CONVERT} of 16 bits, e.g. with djpeg."
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:512].lower()
    for begin, what, remedy in (*_BEGINS, *_text(start)):
        if head.startswith(begin):
            return f"{path} is {what}; {remedy}."
    if head[4:8] == b"ftyp" and head[8:12] not in (b"avif", b"avis"):
        return f"{path} is a video (MP4 or QuickTime); extract a frame, e.g. with ffmpeg."
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return f"{path} is a video (AVI); extract a frame, e.g. with ffmpeg."
    return ""


def unknown(path: Path, head: bytes) -> str:
    """The sentence for a file that no decoder takes."""
    text = "a text file, not an image" if _is_text(head) else "not an image"
    return f"{path} is {text}; {KINDS} can be read."


def needed(path: Path, head: bytes) -> Extra | None:
    """The optional library that reads such a file, if it takes one."""
    if head[:2] == b"\xff\x0a" or head[:12] == b"\0\0\0\x0cJXL \r\n\x87\n":
        return JPEG_XL
    if head[:4] == b"\x76\x2f\x31\x01":
        return EXR
    if head.startswith((b"#?RADIANCE", b"#?RGBE")):
        return RADIANCE
    if head[4:8] == b"ftyp":
        brands = {head[place : place + 4] for place in (8, *range(16, min(int.from_bytes(head[:4]), 128), 4))}
        if head[8:12] == b"crx ":
            return RAW
        return HEIC if brands & set(_STILL) and not brands & {b"avif", b"avis"} else None
    raw = EXTRAS.get(path.suffix.lower()) is RAW  # most are TIFF, whose first page is a thumbnail
    return RAW if raw and head[:4] in (b"II*\0", b"MM\0*", b"IIRO", b"IIRS", b"IIU\0", b"FUJI", b"II\x1a\0") else None


def _text(start: bytes) -> list[tuple[bytes, str, str]]:
    """Kinds of text, which may begin with spaces."""
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return [(b"", "a web page", "download the picture itself")]
    if start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start):
        return [(b"", "SVG", "render it as PNG")]
    return []


def _is_text(head: bytes) -> bool:
    try:
        words = head[:2000].decode("utf-8", errors="ignore")
    except UnicodeDecodeError:
        return False
    return bool(words) and all(letter.isprintable() or letter.isspace() for letter in words)


def _jpeg_precision(head: bytes) -> int:
    """Bits a sample of a JPEG, where they are not 8, else 0."""
    place = 2
    while head[:2] == b"\xff\xd8" and place + 5 < len(head) and head[place] == 0xFF:
        marker = head[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return head[place + 4] if head[place + 4] != 8 else 0
        place += 2 + int.from_bytes(head[place + 2 : place + 4])
    return 0
