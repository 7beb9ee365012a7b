"""What pairs name, read ahead of the network: by worker processes, or by threads of one."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from enhance.images.reading import Picture
from enhance.scoring.pairs import Pair
from enhance.scoring.sources import digest, open_source
from enhance.utils.memory import is_out_of_memory, total_memory

Open = Callable[[str], Picture]

FAILURES = (ValueError, OSError, MemoryError, RuntimeError)  # of files, sizes and memory
_AHEAD = 4  # pairs that each worker process reads ahead
_WORTH = 32  # pairs from which worker processes pay for their start
_MOST_WORKERS = 8
_SHARE = 8  # of the machine's memory, one part in so many for what is read ahead


@dataclass(frozen=True)
class Item:
    """A pair in the order of reading.

    Attributes:
        pair: the two names.
        shared: whether other pairs of the list have the same reference.
        opens: whether its reference is read with it; else the pair before has the same one.
    """

    pair: Pair
    shared: bool = False
    opens: bool = True


@dataclass(frozen=True)
class Read:
    """What came of reading an `Item`.

    Attributes:
        item: what was asked for.
        image, reference: as `packed`; None where they could not be read, were not asked for, or are too large to wait.
        reasons: why image and reference could not be read, a sentence each.
        digests: of image and reference; empty where they were not read.
        notes: files and the conversions made of them.
        large: whether the reading has to be done again by whoever scores.
    """

    item: Item
    image: Tensor | None = None
    reference: Tensor | None = None
    reasons: tuple[str, str] = ("", "")
    digests: tuple[str, str] = ("", "")
    notes: tuple[tuple[str, str], ...] = ()
    large: bool = False


def in_order(pairs: Sequence[Pair], shared: frozenset[str]) -> list[Item]:
    """The pairs in the order of reading: those of one reference follow each other, so that it is read once.

    Example:
        >>> pairs = [Pair("r", "a"), Pair("s", "b"), Pair("r", "c")]
        >>> [item.pair.image for item in in_order(pairs, shared_references(pairs))]
        ['a', 'c', 'b']
    """
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(pair.reference, []).append(pair)
    return [
        Item(pair, name in shared, place == 0) for name, group in groups.items() for place, pair in enumerate(group)
    ]


def shared_references(pairs: Iterable[Pair]) -> frozenset[str]:
    """The references that several pairs have."""
    return frozenset(name for name, count in Counter(pair.reference for pair in pairs).items() if count > 1)


def packed(image: Tensor) -> Tensor:
    """An image as bytes where it holds no more than 8 bits, which takes a quarter of the memory; else as it is.

    Example:
        >>> packed(torch.tensor([0.0, 1.0])).dtype, packed(torch.tensor([0.1234])).dtype
        (torch.uint8, torch.float32)
    """
    small = image.mul(255).round_().to(torch.uint8)
    return small if torch.equal(unpacked(small), image) else image


def unpacked(image: Tensor) -> Tensor:
    """The image of `packed`, on whichever device, in the same bits as it was read."""
    if image.dtype != torch.uint8:
        return image
    # by a tensor: a GPU would multiply by the reciprocal of a number, which rounds otherwise
    return image.to(torch.float32) / torch.full((), 255.0, device=image.device)


class Reader(torch.utils.data.Dataset[Read]):
    """Items, read by their place.

    Args:
        items: of `in_order`.
        opened: opens a name; pickled where processes are not forked.
        most: pixels of an image and its reference that may wait together; larger ones are `Read.large`.
    """

    def __init__(self, items: Sequence[Item], opened: Open = open_source, most: float = float("inf")) -> None:
        self._items, self._opened, self._most = items, opened, most

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, place: int) -> Read:
        return self.read(self._items[place], self._most)

    def read(self, item: Item, most: float = float("inf")) -> Read:
        """An item."""
        notes: list[tuple[str, str]] = []
        image, why, found = self._open(item.pair.image, notes)
        reference, why_reference, found_reference = (
            self._open(item.pair.reference, notes) if item.opens else (None, "", "")
        )
        if sum(tensor.numel() // 3 for tensor in (image, reference) if tensor is not None) > most:
            return Read(item, large=True)
        return Read(item, image, reference, (why, why_reference), (found, found_reference), tuple(notes))

    def _open(self, name: str, notes: list[tuple[str, str]]) -> tuple[Tensor | None, str, str]:
        """An image, or why there is none, and its digest."""
        try:
            picture = self._opened(name)
            if picture.notes:
                notes.append((picture.source, "; ".join(picture.notes)))
            return packed(picture.image), "", digest(name)
        except FAILURES as error:
            return None, reason(error), ""


def reason(error: Exception) -> str:
    """Why a pair is skipped.

    Raises:
        RuntimeError: the error, if it is a fault of the program.
    """
    if is_out_of_memory(error):
        return "It needs more memory than there is; reduce it, or close other programs."
    if isinstance(error, RuntimeError):
        raise error
    return str(error)


def is_lost_worker(error: Exception) -> bool:
    """Whether an error says that a worker process is gone; torch raises it wherever the main thread happens to be."""
    return "DataLoader worker" in str(error) and any(
        words in str(error) for words in ("exited unexpectedly", "is killed by signal")
    )


def default_workers(pairs: int) -> int:
    """How many worker processes read so many pairs: none of few, else one a core but for the network's."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 0 if pairs < _WORTH else max(1, min(cores - 1, _MOST_WORKERS))


def read_ahead(
    items: Sequence[Item],
    opened: Open = open_source,
    workers: int | None = None,
    say: Callable[[str], object] = lambda line: None,
) -> Iterator[Read]:
    """The items, read in their order by worker processes while the caller is busy with those before.

    Images that wait take a bounded share of the memory. Where a worker process is killed, this process reads on.

    Args:
        items: of `in_order`.
        opened: opens a name.
        workers: how many processes; 0: this one; None: `default_workers`.
        say: called with a sentence if worker processes are lost.
    """
    workers = default_workers(len(items)) if workers is None else min(workers, len(items))
    alone = Reader(items, opened)
    done = 0
    if workers:
        try:
            for read in _loaded(Reader(items, opened, _room(workers)), workers):
                yield alone.read(read.item) if read.large else read
                done += 1
            return
        except (RuntimeError, OSError, EOFError) as error:  # the last two of a connection that broke
            if isinstance(error, RuntimeError) and not is_lost_worker(error):
                raise
        say("A process that read images was killed, perhaps for lack of memory; this one reads the rest (workers=0).")
    for place in range(done, len(items)):
        yield alone[place]


def _loaded(reader: Reader, workers: int) -> Iterator[Read]:
    from torch.utils.data import DataLoader

    def unchanged(read: Any) -> Any:
        return read

    context = "fork" if sys.platform == "linux" else None  # a start takes milliseconds there, and seconds elsewhere
    loader = DataLoader(
        reader,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=_AHEAD,
        collate_fn=unchanged,
        multiprocessing_context=context,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forking beside threads: workers use none of them
        iterator = iter(loader)
    yield from iterator


def _room(workers: int) -> float:
    """Pixels that one item may have: what waits, as floats at worst, takes a share of the memory."""
    room = total_memory() / _SHARE
    if os.path.isdir("/dev/shm"):  # where tensors wait; containers often have 64 MB
        room = min(room, shutil.disk_usage("/dev/shm").free / 2)
    return room / (workers * _AHEAD * 3 * 4)


def read_in_threads(items: Sequence[Item], opened: Open, threads: int) -> Iterator[Read]:
    """The items, read in their order by threads: for processes that cannot have worker processes of their own."""
    reader = Reader(items, opened)
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Read]] = deque()
        for item in items:
            waiting.append(pool.submit(reader.read, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
