"""The card of a student: where its weights come from and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping

from enhance.distill.agreement import Agreement, table
from enhance.distill.recipe import Recipe

_TEXT = """# {name}

A student of {teacher} ({origin}, SHA-256 {sha}), made by `python -m enhance.distill`.

- Network: the five stages of `vgg_compact`, {parameters} parameters; {bytes} bytes in half precision, SHA-256 {student}.
- Data: {learned} photographs; {groups} groups of one clean and six degraded crops of {crop} x {crop} pixels (noise, blur, JPEG, contrast,
  colour, brightness, and images far from their reference). {held} photographs were held out.
- Loss: relative errors of the distances that DeepJSD, DeepSKLD and DeepWSD find between clean and degraded crops (their sum, each level, and
  place by place), and errors of linear heads that predict the teacher's deep features and are thrown away.
- Training: {steps} steps of {batch} groups, Muon and Adam at {rate:g}, moving average of the weights, seed {seed}.
- Licence: that of the teacher's weights and of the photographs has to be respected.
- Limits: scores follow the teacher's but are not the same numbers; made for photographs.

Spearman correlation with the teacher over {judged} photographs held out, five severities of each degradation, {size} x {size} pixels:

{table}
"""


def card(
    recipe: Recipe,
    *,
    teacher: tuple[str, str],
    student: tuple[str, int, int],
    photographs: tuple[int, int, int],
    agreements: Mapping[str, Agreement],
) -> str:
    """The card in Markdown.

    Args:
        recipe: the settings.
        teacher: name and SHA-256 of its weights.
        student: SHA-256 of the file, its bytes, and the number of parameters.
        photographs: how many were learned from, held out and judged.
        agreements: by measure.
    """
    learned, held, judged = photographs
    digest, size, parameters = student
    return _TEXT.format(
        name="Student weights",
        teacher=recipe.teacher,
        origin=teacher[0],
        sha=teacher[1],
        parameters=f"{parameters:,}",
        bytes=f"{size:,}",
        student=digest,
        learned=learned,
        held=held,
        judged=judged,
        groups=recipe.groups,
        crop=recipe.crop,
        steps=recipe.steps,
        batch=recipe.batch,
        rate=recipe.learning_rate,
        seed=recipe.seed,
        size=recipe.size,
        table=table(agreements),
    )
