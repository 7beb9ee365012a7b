"""The scores and subjective scores of a competition: rows of a table, each with the reference of its image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from enhance.evaluation.logistic import Array
from enhance.evaluation.subjective_scores import Rows, chosen, columns, labels, numeric

_USUAL = ("reference", "ref", "ref_img")


@dataclass(frozen=True)
class Scored:
    """The images of a competition.

    Attributes:
        images: the name of each of the n images.
        references: the name of the reference of each.
        scores: the objective scores by metric, each (n); NaN where an image has none.
        subjective: the subjective scores (n).
        subjective_column: the name of their column, e.g. `mos`.
        types: the distortion type of each image; empty if the table has none.
    """

    images: list[str]
    references: list[str]
    scores: dict[str, Array]
    subjective: Array
    subjective_column: str
    types: list[str]


def scored(
    rows: Rows,
    metrics: Sequence[str] = (),
    subjective: str = "",
    kind: str = "",
    image: str = "",
    reference: str = "",
) -> Scored:
    """The rows of a table that have a subjective score.

    Args:
        rows: of one table, see `enhance.evaluation.subjective_scores.read`.
        metrics: the columns of objective scores; none takes every column of numbers.
        subjective: the column of subjective scores; empty takes `mos`, `dmos` or `opinion`.
        kind: the column of distortion types; empty takes `type`, if there is one.
        image: the column with the images' names; empty takes `image`, else the first without numbers.
        reference: the column with the references' names; empty takes `reference`, if there is one, else the names of
            the images are read as data sets build them, see `reference_of`.

    Raises:
        ValueError: if a column does not exist, or no two images share a reference.

    Example:
        >>> rows = [{"image": f"I01_0{n}_1.png", "ssim": f"0.{n}", "mos": f"{n}"} for n in (1, 2)]
        >>> scored(rows).references
        ['i01', 'i01']
    """
    subjective, kind = chosen(rows, subjective, kind)
    names = list(metrics) or numeric(rows, [subjective, kind, image, reference])
    values = columns(rows, [*names, subjective])
    images = labels(rows, image)
    column = reference or next((name for name in rows[0] if name.lower() in _USUAL), "")
    if column:
        columns(rows, [column])
        references = [row[column] for row in rows]
    else:
        references = [reference_of(name) for name in images]
    there = np.flatnonzero(np.isfinite(values[subjective]))
    references = [references[row] for row in there]
    if not references or max(Counter(references).values()) < 2:
        raise ValueError(
            "No two images share a reference; reference_column= names the column of the references, or name the "
            "images REFERENCE_TYPE_LEVEL.png, as TID2013 and KADID-10k do."
        )
    return Scored(
        images=[images[row] for row in there],
        references=references,
        scores={name: values[name][there] for name in names if np.isfinite(values[name]).any()},
        subjective=values[subjective][there],
        subjective_column=subjective,
        types=[rows[row][kind] for row in there] if kind else [],
    )


def reference_of(image: str) -> str:
    """The reference in the name of a distorted image: what stands before the first underscore, or else the first dot.

    So name their images TID2013, KADID-10k and PIPAL (`I01_24_5.bmp`) and CSIQ (`1600.AWGN.1.png`).

    Example:
        >>> [reference_of(name) for name in ("distorted/I01_24_5.bmp", "1600.AWGN.1.png")]
        ['i01', '1600']
    """
    name = PurePosixPath(image.lower().replace("\\", "/")).name
    return name.partition("_" if "_" in name else ".")[0]
