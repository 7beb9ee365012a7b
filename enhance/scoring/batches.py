"""Scores of what was read, in batches of images of one size; the side of a reference that several share is computed
once.

Images of several sizes never share a batch: padding changes every score, as all metrics look at neighbouring pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from enhance.scoring.pairs import Pair
from enhance.scoring.reading import FAILURES, Read, is_lost_worker, reason, unpacked
from enhance.scoring.scorers import Scorer, prepare, score
from enhance.utils.memory import give_back, limit_kernels

_PIXELS = 4_000_000  # of a batch: eight photographs of twelve million would take tens of gigabytes for their SSIM
_WAITING = 16_000_000  # of all images that wait for others of their size
_SIZES = 16  # after so many changes of size freed memory is given back
_Size = tuple[int, int]


@dataclass(frozen=True)
class Result:
    """What came of a pair.

    Attributes:
        pair: the two names.
        scores: by column; empty where it could not be scored.
        digests: of reference and image.
        reason: why it could not be scored, a sentence.
        averaged: whether a deep measure averaged the image before it compared.
        notes: files and the conversions made of them.
    """

    pair: Pair
    scores: dict[str, str]
    digests: tuple[str, str] = ("", "")
    reason: str = ""
    averaged: bool = False
    notes: tuple[tuple[str, str], ...] = ()


class Scoring:
    """Scores of pairs as they are read.

    Args:
        scorers: the columns.
        batch: images scored at once; fewer where they are large.
        device: where.
        mask: (1, 1, H, W) in [0, 1], of the size of all images: where they are compared.

    Example:
        >>> from enhance.scoring.pairs import Pair
        >>> from enhance.scoring.reading import Item, read_ahead
        >>> scoring = Scoring([Scorer("psnr", enhance.load_metric("psnr"))])
        >>> (results,) = scoring(read_ahead([Item(Pair("astronaut", "astronaut"))]))
        >>> results[0].scores
        {'psnr': 'inf'}
    """

    def __init__(
        self,
        scorers: Sequence[Scorer],
        batch: int = 8,
        device: str | torch.device = "cpu",
        mask: Tensor | None = None,
    ) -> None:
        limit_kernels()
        self._scorers, self._batch, self._device = scorers, batch, device
        self._mask = None if mask is None else mask.to(device)
        self._reference = _Reference()
        self._size, self._changes = (0, 0), 0

    def __call__(self, reads: Iterable[Read]) -> Iterator[list[Result]]:
        """The results, a batch at a time: each pair once, those of one size not always in the order of reading."""
        waiting: dict[tuple[bool, _Size], list[Read]] = {}
        for read in reads:
            if read.item.opens:
                for key in [key for key in waiting if key[0]]:  # they share the reference that goes now
                    yield self._scored(waiting.pop(key))
                self._reference = _Reference(read)
            if why := self._refused(read):
                yield [_failed(read, why)]
                continue
            key = read.item.shared, _size(read.image)
            group = waiting.setdefault(key, [])
            group.append(read)
            if len(group) == self._batch or _pixels(group) >= _PIXELS:
                yield self._scored(waiting.pop(key))
            elif sum(map(_pixels, waiting.values())) > _WAITING:
                yield self._scored(waiting.pop(next(iter(waiting))))
        for group in waiting.values():
            yield self._scored(group)

    def _refused(self, read: Read) -> str:
        """Why a pair cannot be scored, or nothing."""
        shared = self._reference
        if read.image is None or shared.image is None:
            return read.reasons[0] or shared.reason
        size, reference = _size(read.image), _size(shared.image)
        if size != reference:
            return (
                f"The image has {_words(size)} pixels and its reference {_words(reference)}; "
                "crop or resize one of them."
            )
        if self._mask is not None and _size(self._mask) != size:
            return f"The image has {_words(size)} pixels and the mask {_words(_size(self._mask))}; resize the mask."
        return ""

    def _scored(self, group: list[Read]) -> list[Result]:
        self._count(_size(group[0].image))
        try:
            return self._scores(group)
        except FAILURES as error:
            if is_lost_worker(error):  # of those who read ahead, which `read_ahead` sees to
                return self._scored(group)
            why = reason(error)
        if len(group) == 1:
            return [_failed(group[0], why)]
        return [result for read in group for result in self._scored([read])]

    def _count(self, size: _Size) -> None:
        """Memory stays bounded whatever the sizes."""
        if size != self._size:
            self._size, self._changes = size, self._changes + 1
            if self._changes % _SIZES == 0:
                give_back()

    def _scores(self, group: list[Read]) -> list[Result]:
        images = self._images([read.image for read in group])
        shared = group[0].item.shared
        if shared:
            targets = self._reference.prepared(self._scorers, self._device)
        else:
            targets = [self._images([read.reference for read in group])] * len(self._scorers)
        table = score(self._scorers, images, targets, self._mask).tolist()
        averaged = any(scorer.averages(images[:1]) for scorer in self._scorers)
        return [
            Result(
                read.item.pair,
                {scorer.name: f"{column[place]:.9g}" for scorer, column in zip(self._scorers, table, strict=True)},
                (self._reference.digest if shared else read.digests[1], read.digests[0]),
                averaged=averaged,
                notes=read.notes,
            )
            for place, read in enumerate(group)
        ]

    def _images(self, images: Sequence[Tensor | None]) -> Tensor:
        known = [image for image in images if image is not None]
        if len({image.dtype for image in known}) > 1:  # 8 bits and 16
            known = [unpacked(image) for image in known]
        return unpacked(torch.cat(known).to(self._device))


class _Reference:
    """The reference of the pairs that are being read, with its side of each measure."""

    def __init__(self, read: Read | None = None) -> None:
        self.image = read.reference if read else None
        self.reason = read.reasons[1] if read else ""
        self.digest = read.digests[1] if read else ""
        self._prepared: list[Any] | None = None

    def prepared(self, scorers: Sequence[Scorer], device: str | torch.device) -> list[Any]:
        if self._prepared is None and self.image is not None:
            self._prepared = prepare(scorers, unpacked(self.image.to(device)))
        return self._prepared or []


def _failed(read: Read, why: str) -> Result:
    return Result(read.item.pair, {}, reason=why, notes=read.notes)


def _size(image: Tensor | None) -> _Size:
    return (0, 0) if image is None else (image.shape[-2], image.shape[-1])


def _pixels(group: list[Read]) -> int:
    height, width = _size(group[0].image)
    return len(group) * height * width


def _words(size: _Size) -> str:
    return f"{size[1]} x {size[0]}"
