"""`task=evaluate`: how well scores agree with what people say of the same images."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enhance.config import SettingsError

if TYPE_CHECKING:
    from enhance.scoring.opinions import Data


@dataclass
class Settings:
    """See conf/evaluate.yaml."""

    task: str = "evaluate"
    scores: str | None = None
    opinions: str | None = None
    table: str | None = None
    prediction: Any = field(default_factory=list)
    opinion: str = ""
    type: str = ""
    image: str = ""
    resamples: int = 1000
    seed: int = 0
    output: str | None = None
    format: str = "text"


def run(settings: Settings) -> int:
    """Correlate, print, and write tables and plots.

    Raises:
        ValueError: one sentence about what is wrong with the settings or the tables.
    """
    _check(settings)
    from rich.console import Console

    from enhance.scoring.evaluation import evaluate, summary, write
    from enhance.scoring.scatter import scatter
    from enhance.scoring.show import show

    data = _data(settings)
    console = Console(stderr=True, highlight=False)
    with console.status("correlating") as status:
        evaluation = evaluate(data, settings.resamples, settings.seed, status.update)
    folder = Path(settings.output or _default(settings)).expanduser()
    write(evaluation, folder)
    scatter([evaluation], folder / "scatter")
    if settings.format == "json":
        print(json.dumps(summary(evaluation), indent=2))
    else:
        show(evaluation)
    print(f"tables and plots in {folder}", file=sys.stderr)
    return 0


def _check(settings: Settings) -> None:
    if settings.format not in ("text", "json"):
        raise SettingsError(f"format={settings.format} must be text or json.")
    ways = (bool(settings.scores or settings.opinions), bool(settings.table))
    if sum(ways) != 1:
        raise SettingsError("task=evaluate needs scores=FILE.csv and opinions=FILE.csv, or table=FILE.csv with both.")
    if ways[0] and not (settings.scores and settings.opinions):
        raise SettingsError(f"task=evaluate needs {'opinions' if settings.scores else 'scores'}=FILE.csv too.")
    for key, least in (("resamples", 100), ("seed", 0)):
        if getattr(settings, key) < least:
            raise SettingsError(f"{key}={getattr(settings, key)} is too small; it must be at least {least}.")


def _default(settings: Settings) -> str:
    return f"evaluation/{Path(settings.table or settings.scores or '').stem}"


def _data(settings: Settings) -> Data:
    from enhance.scoring.opinions import chosen, complete, join, numeric, read

    given = settings.prediction
    prediction = [str(name) for name in ([given] if isinstance(given, str) else given or [])]
    notes: list[str] = []
    if settings.table:
        rows = scored = read(Path(settings.table).expanduser())
        opinion, kind = chosen(rows, settings.opinion, settings.type)
    else:
        scored, said = (read(Path(file or "").expanduser()) for file in (settings.scores, settings.opinions))
        rows, notes = join(scored, said, settings.image)
        opinion, kind = chosen(rows, settings.opinion, settings.type)
    prediction = prediction or numeric(scored, [opinion, kind, settings.image])
    data = complete(rows, prediction, opinion, kind, settings.image)
    return replace(data, notes=notes + data.notes)
