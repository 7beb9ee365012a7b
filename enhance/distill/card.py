"""The card of a student: where its weights come from and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from enhance.distill.agreement import Agreement, table
from enhance.distill.recipe import Recipe

_TEXT = """\
# Student weights

A student of {recipe.teacher} ({facts.origin}, SHA-256 {facts.teacher}), made by `python -m enhance.distill`.

- Network: the five stages of `vgg_compact`, {facts.parameters:,} parameters.
- File: {facts.size:,} bytes, half precision, SHA-256 {facts.student}.
- Data: {facts.learned} photographs; {recipe.groups} groups of one clean and six degraded crops of {recipe.crop} x
  {recipe.crop} pixels: noise, blur, JPEG, contrast, colour, brightness, and images far from their reference.
  {facts.held} photographs were held out.
{second}- Loss: relative errors of the distances that DeepJSD, DeepSKLD and DeepWSD find between clean and degraded
  crops (their sum, each level, and place by place), and errors of linear heads that predict the teacher's deep features
  and are thrown away.
- Training: {recipe.steps} steps of {recipe.batch} groups, Muon and Adam at {recipe.learning_rate:g}, moving average of
  the weights, seed {recipe.seed}.
- Licence: what the teacher's weights and the photographs allow.
- Limits: scores follow the teacher's but are not the same numbers; made for photographs.

Spearman correlation with the teacher, and the share of photographs whose five severities both put in the same order,
over {facts.judged} photographs held out, the middle {recipe.size} x {recipe.size} pixels:

{table}
"""


_SECOND = """\
- Second round: from {begin}, {recipe.led_steps} steps at two fifths of the rate, two fifths of whose groups are
  {recipe.led} of images that optimising the student's three measures made, on the way from white, noise, blur and JPEG.
"""


@dataclass(frozen=True)
class Facts:
    """What the settings do not tell.

    Attributes:
        origin, teacher: name and SHA-256 of the teacher's weights.
        student: SHA-256 of the student's file.
        size: bytes of it.
        parameters: of the student.
        learned, held, judged: photographs learned from, held out, and of these judged.
    """

    origin: str
    teacher: str
    student: str
    size: int
    parameters: int
    learned: int
    held: int
    judged: int


def card(recipe: Recipe, facts: Facts, agreements: Mapping[str, Agreement]) -> str:
    """The card in Markdown."""
    second = _SECOND.format(recipe=recipe, begin=recipe.begin or "the student so far") if recipe.led else ""
    return _TEXT.format(recipe=recipe, facts=facts, second=second, table=table(agreements))
