"""The frames of a video one after the other, as ffmpeg decodes them; no more than one is kept here."""

from __future__ import annotations

import math
import queue
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, cast

import numpy as np

from enhance.images.arrays import Array
from enhance.video import VideoError
from enhance.video.ffmpeg import command, error_in
from enhance.video.signal import Signal
from enhance.video.stream import Stream

_TIME = re.compile(r"\bn: *\d+ pts:.*? pts_time:(\S+)")
_PATIENCE = 60.0  # seconds for the time of a frame whose samples are there


@dataclass(frozen=True)
class Frame:
    """One frame.

    Attributes:
        number: of the frame, from 0.
        time: in seconds since the first frame.
        planes: (1 or 3, H, W), see `Signal.image`.
    """

    number: int
    time: float
    planes: Array


class Frames:
    """The frames of a video, in the order in which they are shown: every one that the file has, none of them repeated.

    Args:
        stream: the video.
        signal: of its samples.

    Attributes:
        errors: how many errors the decoder has met so far.
        first_error: its words on the first.
    """

    def __init__(self, stream: Stream, signal: Signal) -> None:
        self.stream, self.signal = stream, signal
        self.errors, self.first_error = 0, ""

    def __iter__(self) -> Iterator[Frame]:
        """Decode from the beginning.

        Raises:
            VideoError: if the decoder gives up.
        """
        process = subprocess.Popen(
            command(self.stream.path, *self._output()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        samples, said = cast(IO[bytes], process.stdout), cast(IO[bytes], process.stderr)  # both are pipes
        times: queue.SimpleQueue[float] = queue.SimpleQueue()
        listener = threading.Thread(target=self._listen, args=(said, times), daemon=True)
        listener.start()
        try:
            yield from self._frames(samples, times)
            listener.join()
            if process.wait():
                raise VideoError(f"{self.stream.path} cannot be decoded to its end ({self.first_error.rstrip('.')}).")
        finally:
            process.kill()
            process.wait()
            listener.join()
            samples.close()
            said.close()

    def _output(self) -> list[str]:
        """Planes of the video's own depth and range; chroma is interpolated to the size of luma."""
        samples = "full" if self.signal.full else "limited"
        scale = f"scale=in_range={samples}:out_range={samples}:flags=bicubic+accurate_rnd+full_chroma_inp"
        picture = f"showinfo=checksum=0,{scale},format={self.signal.decoded_as}"
        return ["-vf", picture, "-fps_mode", "passthrough", "-f", "rawvideo", "pipe:1"]

    def _frames(self, samples: IO[bytes], times: queue.SimpleQueue[float]) -> Iterator[Frame]:
        shape = (self.signal.planes, self.stream.height, self.stream.width)
        kind = np.dtype("u1" if self.signal.bits == 8 else "<u2")
        length = math.prod(shape) * kind.itemsize
        number, begin = 0, 0.0
        while len(data := samples.read(length)) == length:
            try:
                time = times.get(timeout=_PATIENCE)
            except queue.Empty as error:
                raise VideoError(f"{self.stream.path}: ffmpeg does not say when frame {number} is shown.") from error
            time = number / self.stream.rate if math.isnan(time) else time
            begin = begin if number else time
            yield Frame(number, time - begin, np.frombuffer(data, kind).reshape(shape))
            number += 1

    def _listen(self, said: IO[bytes], times: queue.SimpleQueue[float]) -> None:
        """Take the time of each frame, and the errors, from what ffmpeg says."""
        for line in said:
            text = line.decode(errors="replace")
            if found := _TIME.search(text):
                times.put(float("nan") if found[1] == "NOPTS" else float(found[1]))
            elif error := error_in(text):
                self.errors += 1
                self.first_error = self.first_error or error
