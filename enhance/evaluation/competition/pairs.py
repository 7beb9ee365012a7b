"""Which pairs a metric calls equal and people do not, and how often each metric falsifies the others.

Wang and Simoncelli, Journal of Vision 8 (2008), 8, on finite sets of images as in Ma et al., IEEE TPAMI 42 (2020),
851-864 (gMAD).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from enhance.evaluation.competition.table import Scored
from enhance.evaluation.logistic import Array
from enhance.evaluation.statistics import orientation
from enhance.utils.suggest import unknown

Places = NDArray[np.int64]
_MOST = 20_000_000  # pairs in memory at once
_DIGITS = 10  # in which differences are compared: 4.3 - 2.3 is 2


@dataclass(frozen=True)
class Match:
    """Two images of one reference that the defender calls equal and people do not.

    Attributes:
        first, second: rows of the images; the first has the higher subjective score.
        confirmed: whether the attacker's scores differ in the direction of the subjective scores.
    """

    first: int
    second: int
    confirmed: bool


@dataclass(frozen=True)
class Attack:
    """What one metric finds against another: a pair for each reference, see `attack`.

    Attributes:
        pairs: number of pairs.
        hits: how many of them people tell apart as the attacker does.
        difference: mean difference of the subjective scores, positive where people agree with the attacker; NaN
            without pairs.
    """

    pairs: int
    hits: int
    difference: float


@dataclass(frozen=True)
class Competition:
    """The result of `compete`.

    Attributes:
        scored: the images.
        defender, attacker: the metrics; the attacker may be empty.
        within, apart: differences of the defender's scores below which, and of the subjective scores above which, a
            pair is listed.
        matches: the pairs.
        equal: number of pairs that the defender calls equal.
        compared: number of pairs of images that share a reference.
        tolerances: for each metric, the difference of its scores below which it calls `equal` pairs equal.
        directions: by metric, 1 where scores rise with the subjective scores, -1 where they fall.
        attacks: by attacker and defender.
    """

    scored: Scored
    defender: str
    attacker: str
    within: float
    apart: float
    matches: list[Match]
    equal: int
    compared: int
    tolerances: dict[str, float]
    directions: dict[str, int]
    attacks: dict[tuple[str, str], Attack]

    def standing(self, metric: str) -> Standing:
        """How a metric does against all others."""
        attacking = [found for (attacker, _), found in self.attacks.items() if attacker == metric]
        defending = [found for (_, defender), found in self.attacks.items() if defender == metric]
        return Standing(_together(attacking), _together(defending))


@dataclass(frozen=True)
class Standing:
    """How a metric does as attacker and as defender.

    Attributes:
        attacking: what the metric finds against all others.
        defending: what all others find against the metric.
    """

    attacking: Attack
    defending: Attack

    @property
    def aggressiveness(self) -> float:
        """Mean difference of the subjective scores that the metric predicts in pairs that others call equal: 0 is
        chance, higher is better.
        """
        return self.attacking.difference

    @property
    def resistance(self) -> float:
        """Minus the mean difference of the subjective scores that others predict in pairs that the metric calls equal:
        higher is better.
        """
        return -self.defending.difference


def compete(scored: Scored, defender: str, within: float, apart: float, attacker: str = "") -> Competition:
    """The pairs that the defender calls equal and people do not, and the competition of all metrics.

    A pair shares its reference, |D(a) - D(b)| < within, and |S(a) - S(b)| > apart, for the defender's scores D and the
    subjective scores S. Pairs are sorted by the difference of the attacker's scores, or else of S, the largest first.

    Args:
        scored: the images.
        defender: the metric that calls pairs equal.
        within: positive, in the units of the defender's scores.
        apart: not negative, in the units of the subjective scores.
        attacker: another metric, or empty.

    Raises:
        ValueError: for an unknown metric, too many pairs, or a defender that attacks itself.

    Example:
        >>> mos = np.array([4.0, 1.0, 4.1])
        >>> scores = {"ssim": np.array([0.5, 0.5, 0.9]), "psnr": np.array([30.0, 20.0, 31.0])}
        >>> images = Scored(["i1_1", "i1_2", "i1_3"], ["i1"] * 3, scores, mos, "mos", [])
        >>> found = compete(images, "ssim", within=0.001, apart=2, attacker="psnr")
        >>> found.matches, found.compared
        ([Match(first=0, second=1, confirmed=True)], 3)
    """
    for name, what in ((defender, "defender"), (attacker, "attacker")):
        if name not in scored.scores and (name or what == "defender"):
            raise ValueError(f"{what}={name}: {unknown('column of scores', name, scored.scores)}")
    if attacker == defender:
        raise ValueError(f"attacker={attacker} is the defender itself; name another column of scores.")
    first, second = pairs(scored.references)
    directions = {name: _direction(values, scored.subjective) for name, values in scored.scores.items()}
    differences = {
        name: _difference(values, first, second) * directions[name] for name, values in scored.scores.items()
    }
    subjective = _difference(scored.subjective, first, second)
    equal = np.abs(differences[defender]) < within
    listed = np.flatnonzero(equal & (np.abs(subjective) > apart))
    reason = differences[attacker] if attacker else subjective
    size = np.nan_to_num(np.abs(reason[listed]), nan=-1)
    listed = listed[np.lexsort((-np.abs(subjective[listed]), -size))]
    count = int(equal.sum())
    tolerances = {name: within if name == defender else _tolerance(found, count) for name, found in differences.items()}
    return Competition(
        scored=scored,
        defender=defender,
        attacker=attacker,
        within=within,
        apart=apart,
        matches=[
            _match(int(first[pair]), int(second[pair]), float(subjective[pair]), float(reason[pair])) for pair in listed
        ],
        equal=count,
        compared=len(first),
        tolerances=tolerances,
        directions=directions,
        attacks={
            (one, other): attack(differences[one], differences[other], tolerances[other], subjective, apart, groups)
            for groups in [_groups(scored.references, first)]
            for one in differences
            for other in differences
            if one != other
        },
    )


def pairs(references: list[str]) -> tuple[Places, Places]:
    """The rows of all pairs of images that share a reference, references one after the other.

    Raises:
        ValueError: if they are too many.

    Example:
        >>> [rows.tolist() for rows in pairs(["a", "b", "a", "a"])]
        [[0, 0, 2], [2, 3, 3]]
    """
    rows = defaultdict(list)
    for row, reference in enumerate(references):
        rows[reference].append(row)
    count = sum(len(group) * (len(group) - 1) // 2 for group in rows.values())
    if count > _MOST:
        raise ValueError(
            f"{len(rows)} {'reference has' if len(rows) == 1 else 'references have'} {count} pairs of images, more "
            f"than {_MOST}; reference_column= names the column of the references."
        )
    ends = [np.triu_indices(len(group), 1) for group in rows.values()]
    first, second = (
        np.concatenate([np.array(group)[end[side]] for group, end in zip(rows.values(), ends, strict=True)])
        for side in (0, 1)
    )
    return first, second


def attack(
    attacker: Array, defender: Array, tolerance: float, subjective: Array, apart: float, groups: Places
) -> Attack:
    """What the attacker finds against the defender: for each reference the pair that the defender calls equal and the
    attacker finds most different.

    Args:
        attacker, defender, subjective: differences of the scores of each pair (n), positive where the first is better.
        tolerance: of the defender.
        apart: difference of the subjective scores above which people tell a pair apart.
        groups: the reference of each pair (n), ascending.
    """
    kept = np.flatnonzero((np.abs(defender) < tolerance) & np.isfinite(attacker) & (attacker != 0))
    order = kept[np.lexsort((-np.abs(attacker[kept]), groups[kept]))]
    chosen = order[np.unique(groups[order], return_index=True)[1]]
    agreed = subjective[chosen] * np.sign(attacker[chosen])
    return Attack(len(chosen), int((agreed > apart).sum()), float(agreed.mean()) if len(chosen) else float("nan"))


def _groups(references: list[str], first: Places) -> Places:
    numbers = {reference: number for number, reference in enumerate(dict.fromkeys(references))}
    return np.array([numbers[reference] for reference in references])[first]


def _match(first: int, second: int, subjective: float, attacker: float) -> Match:
    rows = (first, second) if subjective > 0 else (second, first)
    return Match(*rows, confirmed=bool(attacker * subjective > 0))


def _difference(values: Array, first: Places, second: Places) -> Array:
    return np.round(values[first] - values[second], _DIGITS)


def _direction(values: Array, subjective: Array) -> int:
    there = np.isfinite(values)
    return orientation(values[there], subjective[there])


def _tolerance(differences: Array, count: int) -> float:
    """The difference below which `count` pairs lie, as exactly as ties allow."""
    sizes = np.sort(np.abs(differences[np.isfinite(differences)]))
    return float(sizes[count]) if count < len(sizes) else float("inf")


def _together(attacks: list[Attack]) -> Attack:
    found = [each for each in attacks if each.pairs]
    pairs = sum(each.pairs for each in found)
    total = sum(each.pairs * each.difference for each in found)
    return Attack(pairs, sum(each.hits for each in found), total / pairs if pairs else float("nan"))
