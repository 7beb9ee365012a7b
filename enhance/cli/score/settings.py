"""The settings of `task=score`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from enhance.config.schema import BackboneConfig, Config, MetricConfig, limited


class Measured(Protocol):
    """What the settings of a command say of its metrics."""

    metric: MetricConfig
    backbone: BackboneConfig
    metrics: Any
    backbones: Any
    device: str
    threads: int | None


@dataclass
class Settings:
    """The settings of `task=score`.

    Attributes:
        reference: a file, a folder, or a sample.
        image: a file or a folder.
        pairs: a CSV or Parquet file, or its URL, with the columns reference and image, in place of both; or the folder
            of a sweep: the result of each finished run and its reference.
        mask: a grey file of the images' size: where they are compared.
        metric: the one metric, where `metrics` names none.
        metrics: several: names, or NAME@BACKBONE: [deepwsd,deepjsd@vgg16,psnr,ssim]; null: metric.
        backbones: of the deep measures that name none, several: [vgg_compact,vgg19]; null: backbone.
        output: a .csv, a .json of the same name goes beside it; null: scores.csv for folders and lists, none for a
            pair.
        map: true, or a .png or .pdf: where the two differ by each deep measure, laid over the image.
        format: text, or json: one document on standard output and nothing else.
        batch: images scored at once.
        workers: processes that read images ahead of the network; 0: none; null: as many as help.
        engine: local, one process; ray; or slurm, an array job of `shard` parts.
        address: of engine=ray, a running cluster: auto, or ray://HOST:10001; null: one on this machine.
        cores: of engine=ray, of each actor; null: 4, or as many as there are.
        shard: a part of the list, 2/8, with a table of its own; of engine=slurm how many parts.
        merge: a folder of shards, or a list of tables, that become one table.
        slurm: of engine=slurm, parameters of submitit: slurm.timeout_min=60 slurm.slurm_partition=gpu.
        align: of two videos: time compares frames that are shown at the same time where rates or lengths differ, size
            resizes the image's frames to those of the reference, both does both; none refuses them.
        background: colour that transparent pixels are laid on.
        range: of floats, the value that is white; null: they must lie in [0, 1]. Whole numbers have their own white.
        device: auto, cpu, cuda, cuda:1, ...
        threads: of the CPU; null: all.
    """

    task: str = "score"
    reference: str | None = None
    image: str | None = None
    pairs: str | None = None
    mask: str | None = None
    metric: MetricConfig = field(default_factory=MetricConfig)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    metrics: Any = None
    backbones: Any = None
    output: str | None = None
    map: str | None = None
    format: str = limited("text", accepted=("text", "json"))
    batch: int = limited(8, low=1)
    workers: int | None = limited(None, low=0)
    engine: str = limited("local", accepted=("local", "ray", "slurm"))
    address: str | None = None
    cores: int | None = limited(None, low=1)
    shard: str | None = None
    merge: Any = None
    slurm: dict[str, Any] = field(default_factory=dict)
    align: str = limited("none", accepted=("none", "time", "size", "both"))
    background: str = Config.background
    range: float | None = limited(None, positive=True)
    device: str = Config.device
    threads: int | None = limited(None, low=1)
