"""The program that decodes, and what it says of a file. Its own words are read: imageio-ffmpeg has no ffprobe."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from enhance.video import VideoError

_ERROR = re.compile(r"\[(?:error|fatal)\] (?P<said>.*)")
_COMMON = ("-nostdin", "-hide_banner", "-nostats", "-loglevel", "repeat+level+info", "-protocol_whitelist", "file")


def program() -> str:
    """The path of ffmpeg: the one of imageio-ffmpeg, or that of the variable IMAGEIO_FFMPEG_EXE.

    Raises:
        VideoError: if there is none.
    """
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return get_ffmpeg_exe()
    except ImportError as error:
        raise VideoError("Videos need ffmpeg: pip install 'enhance[video]'.") from error
    except RuntimeError as error:
        raise VideoError(
            "imageio-ffmpeg finds no ffmpeg: install one, and name it in IMAGEIO_FFMPEG_EXE where it is not found."
        ) from error


def command(path: Path, *output: str) -> list[str]:
    """The command that reads the video of a file; no other file and no address, whatever the file asks for."""
    return [program(), *_COMMON, "-i", f"file:{path}", "-map", "0:V:0", *output]


def run(path: Path, *output: str) -> tuple[str, str]:
    """What ffmpeg writes on standard output and what it says while it reads a file.

    Raises:
        VideoError: if it fails; the message is its reason.
    """
    done = subprocess.run(command(path, *output), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    written, said = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
    if done.returncode:
        if "matches no streams" in said:
            raise VideoError(f"{path} holds no video.")
        raise VideoError(f"{path} cannot be read as a video ({_reason(path, said)}).")
    return written, said


def error_in(line: str) -> str:
    """What a line of ffmpeg complains of; empty where it does not.

    Example:
        >>> error_in("[h264 @ 0x55] [error] concealing 10 errors"), error_in("[info] fine")
        ('concealing 10 errors', '')
    """
    found = _ERROR.search(line)
    return found["said"].strip() if found else ""


def _reason(path: Path, said: str) -> str:
    errors = [each for line in said.splitlines() if (each := error_in(line))]
    return errors[0].replace(f"file:{path}", path.name).rstrip(".") if errors else "ffmpeg failed"
