"""The card of a student: where its weights come from and how well they agree with the teacher's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from research.distill.agreement import Agreement, table
from research.distill.settings import DistillSettings

_TEXT = """\
# Student weights

A student of {settings.teacher} ({origin.teacher}, SHA-256 {origin.teacher_sha256}), made by
`python -m research.distill`.

- Network: the five stages of `vgg_compact`, {origin.parameters:,} parameters.
- File: {origin.size:,} bytes, half precision, SHA-256 {origin.sha256}.
- Photographs: {origin.training} for training, {origin.held_out} held out; SHA-256 of names and contents
  {origin.photographs}.
- Data: {settings.groups} groups of one clean and six degraded crops of {settings.crop} x {settings.crop} pixels: noise,
  blur, JPEG, contrast, colour, brightness, and images far from their reference.
- Loss: relative errors of the distances that DeepJSD, DeepSKLD and DeepWSD find between clean and degraded
  crops (their sum, each level, and each position), and errors of linear heads that predict the teacher's deep features
  and are not kept.
- Training: batches of {settings.batch} groups, Muon and Adam at {settings.learning_rate:g}, moving average of the
  weights, seed {settings.seed}; {origin.seconds:.0f} seconds on the CPU with torch {origin.torch}.
- First round: {first}.
{second}- Licence: what the teacher's weights and the photographs allow.
- Limits: scores follow the teacher's but are not the same numbers; made for photographs.

Spearman correlation with the teacher, and the share of (photograph, degradation) pairs whose five severities both put
in the same order, over {origin.scored} of the {origin.held_out} held out, the middle {settings.size} x {settings.size}
pixels:

{table}
"""


_SECOND = """\
- Second round: {settings.on_policy_steps} steps at two fifths of the rate, two fifths of whose groups are
  {settings.on_policy} of on-policy samples: images that optimising the student's three measures made, on the way from
  white, noise, blur and JPEG.
"""


@dataclass(frozen=True)
class Origin:
    """What the settings do not say.

    Attributes:
        teacher, teacher_sha256: name and SHA-256 of the teacher's weights.
        first: SHA-256 of the weights in place of a first round, or nothing.
        photographs: see `research.distill.photographs.digest`.
        sha256: of the student's file.
        size: bytes of it.
        parameters: of the student.
        training, held_out, scored: photographs for training, held out, and of these scored.
        seconds: of the updates.
        torch: its version.
    """

    teacher: str
    teacher_sha256: str
    first: str
    photographs: str
    sha256: str
    size: int
    parameters: int
    training: int
    held_out: int
    scored: int
    seconds: float
    torch: str


def card(settings: DistillSettings, origin: Origin, agreements: Mapping[str, Agreement]) -> str:
    """The card in Markdown."""
    given = f"left out, in its place {settings.student}, SHA-256 {origin.first}"
    first = given if origin.first else f"{settings.steps} steps"
    second = _SECOND.format(settings=settings) if settings.on_policy else ""
    return _TEXT.format(settings=settings, origin=origin, first=first, second=second, table=table(agreements))
