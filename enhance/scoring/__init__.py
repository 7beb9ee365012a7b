"""Scores of pairs of images: one, a folder of them, or a list."""

from enhance.scoring.folders import find_pairs, left_out
from enhance.scoring.lists import read_pairs
from enhance.scoring.many import Outcome, local_engine, score_pairs
from enhance.scoring.pairs import Pair, PairsError
from enhance.scoring.scorers import Scorer, scorers

__all__ = [
    "Outcome",
    "Pair",
    "PairsError",
    "Scorer",
    "find_pairs",
    "left_out",
    "local_engine",
    "read_pairs",
    "score_pairs",
    "scorers",
]
