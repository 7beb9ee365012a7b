"""The card of a student: where its weights come from and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from research.distill.agreement import Agreement, table
from research.distill.recipe import Recipe

_TEXT = """\
# Student weights

A student of {recipe.teacher} ({facts.origin}, SHA-256 {facts.teacher}), made by `python -m research.distill`.

- Network: the five stages of `vgg_compact`, {facts.parameters:,} parameters.
- File: {facts.size:,} bytes, half precision, SHA-256 {facts.student}.
- Photographs: {facts.learned} learned from, {facts.held} held out; SHA-256 of names and contents {facts.photographs}.
- Data: {recipe.groups} groups of one clean and six degraded crops of {recipe.crop} x {recipe.crop} pixels: noise, blur,
  JPEG, contrast, colour, brightness, and images far from their reference.
- Loss: relative errors of the distances that DeepJSD, DeepSKLD and DeepWSD find between clean and degraded
  crops (their sum, each level, and place by place), and errors of linear heads that predict the teacher's deep features
  and are thrown away.
- Training: batches of {recipe.batch} groups, Muon and Adam at {recipe.learning_rate:g}, moving average of the weights,
  seed {recipe.seed}; {facts.seconds:.0f} seconds on the CPU with torch {facts.torch}.
- First round: {first}.
{second}- Licence: what the teacher's weights and the photographs allow.
- Limits: scores follow the teacher's but are not the same numbers; made for photographs.

Spearman correlation with the teacher, and the share of (photograph, degradation) pairs whose five severities both put
in the same order, over {facts.judged} of the {facts.held} held out, the middle {recipe.size} x {recipe.size} pixels:

{table}
"""


_SECOND = """\
- Second round: {recipe.led_steps} steps at two fifths of the rate, two fifths of whose groups are
  {recipe.led} of images that optimising the student's three measures made, on the way from white, noise, blur and JPEG.
"""


@dataclass(frozen=True)
class Facts:
    """What the settings do not tell.

    Attributes:
        origin, teacher: name and SHA-256 of the teacher's weights.
        begin: SHA-256 of the weights that stood in for a first round, or nothing.
        photographs: see `research.distill.photographs.digest`.
        student: SHA-256 of the student's file.
        size: bytes of it.
        parameters: of the student.
        learned, held, judged: photographs learned from, held out, and of these judged.
        seconds: that the steps took.
        torch: its version.
    """

    origin: str
    teacher: str
    begin: str
    photographs: str
    student: str
    size: int
    parameters: int
    learned: int
    held: int
    judged: int
    seconds: float
    torch: str


def card(recipe: Recipe, facts: Facts, agreements: Mapping[str, Agreement]) -> str:
    """The card in Markdown."""
    begun = f"left out, in its place {recipe.begin}, SHA-256 {facts.begin}"
    first = begun if facts.begin else f"{recipe.steps} steps"
    second = _SECOND.format(recipe=recipe) if recipe.led else ""
    return _TEXT.format(recipe=recipe, facts=facts, first=first, second=second, table=table(agreements))
