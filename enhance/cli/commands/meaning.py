"""`task=meaning`: what the scores of metrics mean, measured once on sample photographs and kept."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from enhance.cli.score.loading import check_metrics, load_scorers
from enhance.config.schema import BackboneConfig, Config, MetricConfig, limited

if TYPE_CHECKING:
    from enhance.scoring.meaning_tables import Table
    from enhance.scoring.scorers import Scorer


@dataclass
class Settings:
    """The settings of `task=meaning`.

    Attributes:
        metric: the one metric, where `metrics` names none.
        metrics: several: names, or NAME@BACKBONE: [lpips,dists,deepwsd@vgg19]; null: metric.
        backbones: of the deep measures that name none, several: [vgg16,vgg19]; null: backbone.
        device: auto, cpu, cuda, cuda:1, ...
        threads: of the CPU; null: all.
    """

    task: str = "meaning"
    metric: MetricConfig = field(default_factory=MetricConfig)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    metrics: Any = None
    backbones: Any = None
    device: str = Config.device
    threads: int | None = limited(None, low=1)


def run(settings: Settings) -> int:
    """Print the scores of known degradations of sample photographs, measured where no table has them.

    Returns:
        0.

    Raises:
        ValueError: one sentence about what is wrong with the settings, the weights or the metric.
        OSError: if a table cannot be kept.
    """
    check_metrics(settings)

    from enhance.scoring.meaning_tables import table_of

    found = {}
    for scorer in load_scorers(settings):
        found[scorer.name] = table_of(scorer) or _measured(scorer)
    _show(found)
    return 0


def _measured(scorer: Scorer) -> Table:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from enhance.scoring.degraded import images
    from enhance.scoring.meaning_tables import keep, measure

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(scorer.name, total=images())
        table = measure(scorer, lambda: bar.advance(task))
    print(f"{scorer.name}: measured on {images()} images and kept, {keep(scorer, table)}", file=sys.stderr)
    return table


def _show(tables: Mapping[str, Table]) -> None:
    from rich.console import Console
    from rich.table import Table as Shown

    from enhance.scoring.meaning import KINDS, short

    shown = Shown(box=None, pad_edge=False, header_style="bold")
    shown.add_column("mean (standard deviation)", no_wrap=True)
    for name in tables:
        shown.add_column(name, justify="right", no_wrap=True)
    first = next(iter(tables.values()))
    for kind, levels in first.levels.items():
        for place, level in enumerate(levels):
            figures = ((table.mean[kind][place], table.spread[kind][place]) for table in tables.values())
            cells = (f"{mean:.3g} ({spread:.1g})" for mean, spread in figures)
            shown.add_row(f"{KINDS[kind]} {short(kind, level)}", *cells)
    wide = Console().measure(shown).maximum
    console = Console(highlight=False)
    Console(highlight=False, width=max(console.width, wide)).print(shown)
