"""`task=evaluate`: correlations of metrics with the subjective scores of images."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enhance.config.schema import BackboneConfig, MetricConfig, SettingsError

if TYPE_CHECKING:
    from enhance.evaluation.subjective_scores import Data


@dataclass
class Settings:
    """The settings of `task=evaluate`.

    Attributes:
        scores: a CSV with a column that names the images and a column for each metric, as task=score writes it.
        subjective: a CSV with a column that names the images and one of subjective scores.
        table: one CSV with both, in place of the two.
        score_columns: the metrics' columns; [] takes every column of numbers.
        subjective_column: column of subjective scores; "" takes mos, dmos or opinion.
        type_column: column of distortion types; "" takes type, if there is one.
        image_column: column of the images' names; "" takes image, else the first without numbers.
        without: types of distortion to leave out: [contrast].
        dataset: tid2013, kadid10k, csiq, live or pipal, in place of tables: scored with the settings below.
        root: the folder of the data set's files.
        metric: the one metric, where `metrics` names none.
        metrics: several: names, or NAME@BACKBONE: [deepwsd,deepjsd@vgg16,psnr,ssim]; null: metric.
        backbones: of the deep measures that name none, several: [vgg_compact,vgg19]; null: backbone.
        batch: images scored at once.
        device: auto, cpu, cuda, cuda:1, ...
        threads: of the CPU; null: all.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        output: a folder; null: evaluation/NAME.
        format: text, or json: one document on standard output and nothing else.
    """

    task: str = "evaluate"
    scores: str | None = None
    subjective: str | None = None
    table: str | None = None
    score_columns: Any = field(default_factory=list)
    subjective_column: str = ""
    type_column: str = ""
    image_column: str = ""
    without: Any = field(default_factory=list)
    dataset: str | None = None
    root: str | None = None
    metric: MetricConfig = field(default_factory=MetricConfig)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    metrics: Any = None
    backbones: Any = None
    batch: int = 8
    device: str = "auto"
    threads: int | None = None
    resamples: int = 1000
    seed: int = 0
    output: str | None = None
    format: str = "text"


def run(settings: Settings) -> int:
    """Run `task=evaluate`: score a data set if one is given, print the correlations, write tables and plots.

    Returns:
        0, or 1 where some images of a data set could not be scored.

    Raises:
        ValueError: one sentence about what is wrong with the settings, the tables or the data set.
    """
    _check(settings)
    folder = Path(settings.output or _default(settings)).expanduser()
    code, data = _dataset(settings, folder) if settings.dataset else (0, _tables(settings))

    from rich.console import Console

    from enhance.evaluation.correlations import evaluate, summary, write
    from enhance.evaluation.show import show
    from enhance.report.scatter import scatter

    with Console(stderr=True, highlight=False).status("correlating") as status:
        evaluation = evaluate(
            data, settings.resamples, settings.seed, lambda name: status.update(f"correlating {name}")
        )
    write(evaluation, folder)
    scatter([evaluation], folder / "scatter")
    if settings.format == "json":
        print(json.dumps(summary(evaluation), indent=2))
    else:
        show(evaluation)
    print(f"tables and plots in {folder}", file=sys.stderr)
    return code


def _check(settings: Settings) -> None:
    if settings.format not in ("text", "json"):
        raise SettingsError(f"format={settings.format} must be text or json.")
    both = bool(settings.scores or settings.subjective)
    if sum((both, bool(settings.table), bool(settings.dataset))) != 1:
        raise SettingsError(
            "task=evaluate needs scores=FILE.csv and subjective=FILE.csv, or table=FILE.csv with both, or"
            " dataset=NAME and root=FOLDER."
        )
    if both and not (settings.scores and settings.subjective):
        raise SettingsError(f"task=evaluate needs {'subjective' if settings.scores else 'scores'}=FILE.csv too.")
    if settings.dataset and not settings.root:
        raise SettingsError(f"dataset={settings.dataset} needs root=FOLDER, where its files are.")
    for key, minimum in (("resamples", 100), ("seed", 0)):
        if getattr(settings, key) < minimum:
            raise SettingsError(f"{key}={getattr(settings, key)} is too small; it must be at least {minimum}.")


def _default(settings: Settings) -> str:
    return f"evaluation/{settings.dataset or Path(settings.table or settings.scores or '').stem}"


def _names(given: Any) -> list[str]:
    return [str(name) for name in (given if isinstance(given, list) else [given] if given else [])]


def _kept(kinds: list[str], without: list[str]) -> list[bool]:
    """Whether each row stays, where the distortion types `without` are left out."""
    from enhance.utils.suggest import unknown

    for name in without:
        if name not in kinds:
            raise SettingsError(f"without={name}: {unknown('distortion type', name, sorted(set(kinds)))}")
    if kinds and set(kinds) <= set(without):
        raise SettingsError("without= leaves no image.")
    return [kind not in without for kind in kinds]


def _left(kept: list[bool], without: list[str]) -> str:
    return f"{kept.count(False)} images of {', '.join(without)} are left out as asked."


def _tables(settings: Settings) -> Data:
    from enhance.evaluation.subjective_scores import chosen, complete, join, numeric, read

    notes: list[str] = []
    if settings.table:
        rows = scored = read(Path(settings.table).expanduser())
    else:
        files = (Path(file or "").expanduser() for file in (settings.scores, settings.subjective))
        scored, subjective = map(read, files)
        rows, notes = join(scored, subjective, settings.image_column)
    column, kind = chosen(rows, settings.subjective_column, settings.type_column)
    if without := _names(settings.without):
        if not kind:
            raise SettingsError("without= needs a column of distortion types: type_column=COLUMN.")
        kept = _kept([row[kind] for row in rows], without)
        rows = [row for row, stays in zip(rows, kept, strict=True) if stays]
        notes = [*notes, _left(kept, without)]
    scores = _names(settings.score_columns) or numeric(scored, [column, kind, settings.image_column])
    data = complete(rows, scores, column, kind, settings.image_column)
    return replace(data, notes=notes + data.notes)


def _dataset(settings: Settings, folder: Path) -> tuple[int, Data]:
    """The exit code of task=score for the pairs of a data set that `folder` has no scores of, and all complete rows."""
    from enhance.cli.commands import score
    from enhance.evaluation.datasets import read_dataset
    from enhance.evaluation.subjective_scores import complete, numeric, read
    from enhance.utils.files import write_text
    from enhance.utils.tables import csv_text

    pairs = read_dataset(settings.dataset or "", Path(settings.root or "").expanduser())
    without = _names(settings.without)
    kept = _kept([pair.extra["type"] for pair in pairs], without)
    pairs = [pair for pair, stays in zip(pairs, kept, strict=True) if stays]
    extra = list(pairs[0].extra)
    lines = [[pair.reference, pair.image, *pair.extra.values()] for pair in pairs]
    write_text(folder / "pairs.csv", csv_text(["reference", "image", *extra], lines))
    with redirect_stdout(StringIO()) as printed:  # means over a data set's folders are of no use
        code = score.run(
            score.Settings(
                pairs=str(folder / "pairs.csv"),
                output=str(folder / "scores.csv"),
                **{key: getattr(settings, key) for key in ("metric", "backbone", "metrics", "backbones")},
                **{key: getattr(settings, key) for key in ("batch", "device", "threads")},
            )
        )
    print(printed.getvalue().partition("\n")[0], file=sys.stderr)
    images = {pair.image for pair in pairs}
    rows = [row for row in read(folder / "scores.csv") if row["image"] in images]
    data = complete(rows, _names(settings.score_columns) or numeric(rows, []))
    if without:
        data = replace(data, notes=[_left(kept, without), *data.notes])
    if len(rows) < len(pairs):
        lost = len(pairs) - len(rows)
        note = f"{lost} {'image' if lost == 1 else 'images'} could not be scored."
        data = replace(data, notes=[note, *data.notes])
    return code, data
