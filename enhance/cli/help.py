"""What `python -m enhance --help` prints. It imports neither torch nor Hydra."""

from __future__ import annotations

from enhance.backbones.registry import ARCHITECTURES
from enhance.cli.commands import TOOLS
from enhance.config.paths import choices
from enhance.images.samples import SAMPLES
from enhance.metrics.registry import METRICS

_TEXT = """\
enhance: perceptual image optimisation and quality with deep distribution measures

usage: python -m enhance [key=value ...]           (or: enhance [key=value ...])

  python -m enhance task=recover metric=deepwsd
  python -m enhance task=denoise metric=deepjsd reference=photo.png degradation.sigma=50
  python -m enhance task=jpeg reference=photo.png initial=photo_q10.jpg steps=60
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

common settings
  reference=FILE|SAMPLE     what the image shall become                             [astronaut]
  initial=FILE|white|...    where it starts: a file, white, grey, black, noise, degraded
  size=N                    reduce the longer side to N pixels                      [samples: 256]
  steps=N  seed=N  device=auto|cpu|cuda  threads=N
  stopping.patience=N  stopping.loss=X  stopping.score=X  stopping.seconds=X    stop before all steps are made
  schedule=constant|cosine|halving  schedule.warmup=N
  coarse=true  compile=true  autocast=bfloat16    faster: large images, many steps, GPUs and CPUs that have it
  backbone.weights=embedded|pretrained|untrained|FILE
  metric.weights=pretrained|untrained|FILE      of LPIPS and DISTS

Results land in outputs/, one folder a run; resume=FOLDER goes on with one that was cut off. -m sweeps over
comma-separated values; --cfg job prints the settings instead of running.
"""

_TASKS = {
    "recover": "a white, grey or noise image, or any file, becomes the reference",
    "denoise": "a noisy copy of the reference is cleaned (Gaussian, Poisson-Gaussian, salt and pepper)",
    "deblur": "a blurred copy is sharpened (Gaussian, motion, disk)",
    "jpeg": "a copy that went through a JPEG encoder is repaired",
}


def help_text() -> str:
    """The whole help, with every registered name."""
    found = choices()
    metrics = {name: row.summary for name, row in METRICS.items()} | {
        "module": "any importable function or class: metric.target=package.Class",
    }
    backbones = {name: row.summary for name, row in ARCHITECTURES.items()} | {
        "vgg_compact": "small, comes with the package, needs no download; the default",
        "torchvision": "any torchvision model, by name and nodes",
    }
    shown = ("task", "metric", "backbone")
    return _TEXT.format(
        tasks=_listed(found["task"], _TASKS),
        tools=_listed(list(TOOLS), TOOLS),
        metrics=_listed(found["metric"], metrics),
        backbones=_listed(found["backbone"], backbones),
        groups="".join(
            f"  {group + '=':18}{', '.join(names)}\n" for group, names in found.items() if group not in shown
        ),
        samples=", ".join(SAMPLES),
    )


def _listed(names: list[str], summaries: dict[str, str]) -> str:
    return "".join(f"  {name:14}{summaries.get(name, '')}\n" for name in names)
