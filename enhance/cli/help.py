"""What `python -m enhance --help` prints, from the registries, conf/ and the settings, without torch or Hydra."""

from __future__ import annotations

from collections.abc import Mapping

from enhance.backbones.registry import ARCHITECTURES
from enhance.cli.commands import TOOLS
from enhance.config.paths import choices, summary
from enhance.config.reference import listed
from enhance.config.schema import Config
from enhance.images.samples import SAMPLES
from enhance.metrics.registry import METRICS

_TEXT = """\
enhance: perceptual image optimisation and quality with deep distribution measures

usage: python -m enhance [key=value ...]           (or: enhance [key=value ...])

  python -m enhance task=recover metric=deepwsd
  python -m enhance task=denoise metric=deepjsd reference=photo.png degradation.sigma=50
  python -m enhance task=denoise image=photo.jpg     (also deblur, jpeg, upscale: no clean picture is needed)
  python -m enhance task=jpeg reference=photo.png initial=photo_q10.jpg steps=60
  python -m enhance metric=deepjsd terms.mae=0.5 optimizer=lbfgs stopping=plateau
  python -m enhance reference=large.jpg coarse=true compile=true autocast=bfloat16
  python -m enhance metric=module metric.target=package.Class metric.range=[-1,1]
  python -m enhance recipes=white_to_reference
  python -m enhance task=score reference=a.png image=b.png metrics=[deepwsd,psnr,ssim]
  python -m enhance -m backbone=vgg16,squeezenet,mobilenet metric=deepwsd,deepjsd,deepskld

tasks (task=)
{tasks}
tools (task=)
{tools}
metrics (metric=, terms.NAME=WEIGHT, metrics=[NAME,...])
{metrics}
backbones (backbone=)
{backbones}
further groups
{groups}
samples (reference=)
  {samples}

settings [default]
{settings}

Results land in outputs/, one folder a run; resume=FOLDER continues an interrupted one. -m sweeps over comma-separated
values; --cfg job prints the settings instead of running; --config-dir FOLDER adds recipes and groups of your own;
--hydra-help lists Hydra's flags.
"""
_SHOWN = (
    *("reference", "initial", "mask", "size", "steps", "seed", "device", "threads", "background", "range"),
    *("tile", "coarse", "compile", "autocast", "tf32", "deterministic", "checkpoint", "terms", "weight"),
    *("metric.arguments", "backbone.weights"),
    *("optimizer.learning_rate", "optimizer.log_loss", "optimizer.smoothing", "schedule.warmup"),
    *("parametrization.levels", "stopping.patience", "stopping.loss", "stopping.score", "stopping.seconds"),
    *("frames.count", "sweep.resume"),
)


def help_text() -> str:
    """The whole help, with every registered name."""
    found = choices()
    groups = {group: names for group, names in found.items() if group not in ("task", "metric", "backbone")}
    return _TEXT.format(
        tasks=_choices("task", found["task"]),
        tools=_choices("task", list(TOOLS), TOOLS),
        metrics=_choices("metric", found["metric"], {name: row.summary for name, row in METRICS.items()}),
        backbones=_choices("backbone", found["backbone"], {name: row.summary for name, row in ARCHITECTURES.items()}),
        groups="".join(f"  {group + '=':18}{', '.join(names)}\n" for group, names in groups.items()),
        samples=", ".join(SAMPLES),
        settings="\n".join(f"  {line}" for line in listed(Config, _SHOWN)),
    )


def _choices(group: str, names: list[str], summaries: Mapping[str, str] | None = None) -> str:
    """A line for each choice: what the registry says of it, else the first comment of its YAML."""
    known, lines = summaries or {}, []
    for name in names:
        lines.append(f"  {name:14}{known.get(name) or _small(summary(group, name).rstrip('.'))}\n")
    return "".join(lines)


def _small(sentence: str) -> str:
    """A sentence with a small first letter, as in a list. What a registry says may begin with a name and stays."""
    return sentence[:1].lower() + sentence[1:]
