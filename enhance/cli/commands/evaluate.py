"""`task=evaluate`: correlations of metrics with the subjective scores of images."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enhance.config.schema import BackboneConfig, Config, MetricConfig, limited
from enhance.utils.errors import SettingsError

if TYPE_CHECKING:
    from enhance.evaluation.subjective_scores import Data, Rows

_SCORED = ("batch", "workers", "engine", "address", "cores", "device", "threads")  # that task=score takes too


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
        root: the folder of the data set's files; with competition=true and a table, of the images that the page shows.
        metric: the one metric, where `metrics` names none.
        metrics: several: names, or NAME@BACKBONE: [deepwsd,deepjsd@vgg16,psnr,ssim]; null: metric.
        backbones: of the deep measures that name none, several: [vgg_compact,vgg19]; null: backbone.
        batch: images scored at once.
        workers: processes that read images ahead of the network; null: as many as help.
        engine: of dataset=: local, one process, or ray, see task=score.
        address: of engine=ray, a running cluster: auto, or ray://HOST:10001; null: one on this machine.
        cores: of engine=ray, of each actor.
        device: auto, cpu, cuda, cuda:1, ...
        threads: of the CPU; null: all.
        competition: pairs of images that the defender calls equal and people do not, in place of correlations.
        opinion: the same as subjective_column.
        reference_column: column of the references; "" takes reference, else the images are named as in data sets,
            REFERENCE_TYPE_LEVEL.png.
        defender: the metric's column that calls pairs equal.
        attacker: a metric's column that sorts the pairs; null: the subjective scores sort them.
        within: pairs are equal whose scores differ by less.
        apart: pairs are listed whose subjective scores differ by more.
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
    batch: int = limited(8, low=1)
    workers: int | None = limited(None, low=0)
    engine: str = limited("local", accepted=("local", "ray"))
    address: str | None = None
    cores: int | None = limited(None, low=1)
    device: str = Config.device
    threads: int | None = limited(Config.threads, low=1)
    competition: bool = False
    opinion: str = ""
    reference_column: str = ""
    defender: str | None = None
    attacker: str | None = None
    within: float = limited(0.001, positive=True)
    apart: float = limited(2.0, low=0)
    resamples: int = limited(1000, low=1)
    seed: int = limited(Config.seed, low=0)
    output: str | None = None
    format: str = "text"


def run(settings: Settings) -> int:
    """Run `task=evaluate`: score a data set if one is given, print the correlations or the pairs of a competition,
    write tables, plots or a page.

    Returns:
        0, or 1 where some images of a data set could not be scored.

    Raises:
        ValueError: one sentence about what is wrong with the settings, the tables or the data set.
    """
    _check(settings)
    folder = Path(settings.output or _default(settings)).expanduser()
    if settings.competition:
        return _compete(settings, folder)
    code, data = _dataset(settings, folder) if settings.dataset else (0, _tables(settings))

    from rich.console import Console

    from enhance.evaluation.correlations import evaluate, summary, write
    from enhance.evaluation.scatter import scatter
    from enhance.evaluation.show import show

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


def _compete(settings: Settings, folder: Path) -> int:
    """Print the pairs that the defender calls equal and people do not, and write them as tables and a page."""
    from enhance.evaluation.competition.page import PAGE, Pictures, page
    from enhance.evaluation.competition.pairs import compete
    from enhance.evaluation.competition.table import scored
    from enhance.evaluation.competition.tables import document, show, write
    from enhance.utils.files import write_text

    code, rows, notes = _scored_dataset(settings, folder) if settings.dataset else (0, *_joined(settings))
    names = _names(settings.score_columns)
    columns = (settings.subjective_column, settings.type_column, settings.image_column, settings.reference_column)
    found = compete(
        scored(rows, names, *columns),
        settings.defender or "",
        settings.within,
        settings.apart,
        settings.attacker or "",
    )
    write(found, folder)
    tables = [Path(file) for file in (settings.table, settings.scores, settings.subjective) if file]
    folders = [Path(settings.root)] if settings.root else [file.parent for file in tables]
    write_text(folder / PAGE, page(found, Pictures(each.expanduser() for each in folders)))
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    if settings.format == "json":
        print(json.dumps(document(found), indent=2))
    else:
        show(found)
    print(f"tables and a page with the pairs in {folder}", file=sys.stderr)
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
    if settings.opinion and settings.subjective_column not in ("", settings.opinion):
        raise SettingsError(
            f"opinion={settings.opinion} and subjective_column={settings.subjective_column} name two columns of "
            "subjective scores; leave one of them out."
        )
    settings.subjective_column = settings.subjective_column or settings.opinion
    _check_competition(settings)
    for key, minimum in (("resamples", 100), ("seed", 0)):
        if getattr(settings, key) < minimum:
            raise SettingsError(f"{key}={getattr(settings, key)} is too small; it must be at least {minimum}.")


def _check_competition(settings: Settings) -> None:
    if settings.competition and not settings.defender:
        raise SettingsError("competition=true needs defender=COLUMN, the metric that calls pairs equal.")
    default = Settings()
    for key in ("defender", "attacker", "within", "apart", "reference_column"):
        if not settings.competition and getattr(settings, key) != getattr(default, key):
            raise SettingsError(f"{key}={getattr(settings, key)} goes with competition=true.")
    if settings.root and not (settings.dataset or settings.competition):
        raise SettingsError(f"root={settings.root} goes with dataset=NAME or competition=true.")


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


def _joined(settings: Settings) -> tuple[Rows, list[str]]:
    """The rows of the tables, without the distortion types that are to be left out, and what was left out."""
    from enhance.evaluation.subjective_scores import chosen, join, read

    notes: list[str] = []
    if settings.table:
        rows = read(Path(settings.table).expanduser())
    else:
        files = (Path(file or "").expanduser() for file in (settings.scores, settings.subjective))
        scored, subjective = map(read, files)
        rows, notes = join(scored, subjective, settings.image_column)
    _, kind = chosen(rows, settings.subjective_column, settings.type_column)
    if without := _names(settings.without):
        if not kind:
            raise SettingsError("without= needs a column of distortion types: type_column=COLUMN.")
        kept = _kept([row[kind] for row in rows], without)
        rows = [row for row, stays in zip(rows, kept, strict=True) if stays]
        notes = [*notes, _left(kept, without)]
    return rows, notes


def _tables(settings: Settings) -> Data:
    from enhance.evaluation.subjective_scores import chosen, complete, numeric, read

    rows, notes = _joined(settings)
    column, kind = chosen(rows, settings.subjective_column, settings.type_column)
    scored = rows if settings.table else read(Path(settings.scores or "").expanduser())
    scores = _names(settings.score_columns) or numeric(scored, [column, kind, settings.image_column])
    data = complete(rows, scores, column, kind, settings.image_column)
    return replace(data, notes=notes + data.notes)


def _dataset(settings: Settings, folder: Path) -> tuple[int, Data]:
    """The exit code of task=score for the pairs of a data set that `folder` has no scores of, and all complete rows."""
    from enhance.evaluation.subjective_scores import complete, numeric

    code, rows, notes = _scored_dataset(settings, folder)
    data = complete(rows, _names(settings.score_columns) or numeric(rows, []))
    return code, replace(data, notes=[*notes, *data.notes])


def _scored_dataset(settings: Settings, folder: Path) -> tuple[int, Rows, list[str]]:
    """The exit code of task=score for the pairs of a data set that `folder` has no scores of, all rows, and what was
    left out.
    """
    from enhance.cli.commands import score
    from enhance.evaluation.datasets import read_dataset
    from enhance.evaluation.subjective_scores import read
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
                **{key: getattr(settings, key) for key in _SCORED},
            )
        )
    print(printed.getvalue().partition("\n")[0], file=sys.stderr)
    images = {pair.image for pair in pairs}
    rows = [row for row in read(folder / "scores.csv") if row["image"] in images]
    notes = [_left(kept, without)] if without else []
    if len(rows) < len(pairs):
        lost = len(pairs) - len(rows)
        notes.insert(0, f"{lost} {'image' if lost == 1 else 'images'} could not be scored.")
    return code, rows, notes
