"""Pairs of images: a name each of a reference and an image, and what a list says of them beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


class PairsError(ValueError):
    """Pairs that cannot be made; the message says what is missing."""


@dataclass(frozen=True)
class Pair:
    """Two image files, and what a CSV says of them beside their names.

    Attributes:
        reference, image: the names.
        extra: what the list says beside.
        fault: why its row of the list is none that can be scored, a sentence; empty where it can.
    """

    reference: str
    image: str
    extra: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True)
class Keys:
    """What distinguishes the rows of a list: reference, image, and what the list says of them beside.

    Args:
        names: the columns.

    Example:
        >>> keys = Keys.of_pairs([Pair("a.png", "b.png", {"rater": "1"})])
        >>> keys({"reference": "a.png", "image": "b.png", "rater": "2", "psnr": "30"})
        ('a.png', 'b.png', '2')
    """

    names: tuple[str, ...]

    @classmethod
    def of_pairs(cls, pairs: Sequence[Pair]) -> Keys:
        """Those of a list."""
        return cls(("reference", "image", *dict.fromkeys(name for pair in pairs for name in pair.extra)))

    def __call__(self, row: Pair | Mapping[str, str]) -> tuple[str, ...]:
        """The key of a pair, or of a row of a table."""
        values = {"reference": row.reference, "image": row.image, **row.extra} if isinstance(row, Pair) else row
        return tuple(values.get(name, "") for name in self.names)

    def pair(self, key: tuple[str, ...]) -> Pair:
        """The pair of a key."""
        values = dict(zip(self.names, key, strict=True))
        return Pair(values.pop("reference"), values.pop("image"), values)


def unique(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs in their order, without those that a list names a second time with all that it says of them."""
    keys, found = Keys.of_pairs(pairs), dict[tuple[str, ...], Pair]()
    for pair in pairs:
        found.setdefault((*keys(pair), pair.fault), pair)
    return list(found.values())
