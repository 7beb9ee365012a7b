"""Settings by the names that other programs give them."""

from __future__ import annotations

from dataclasses import fields

from enhance.config.schema import Config

_ELSEWHERE = {
    "lr": "optimizer.learning_rate",
    "learning_rate": "optimizer.learning_rate",
    "iterations": "steps",
    "iters": "steps",
    "num_steps": "steps",
    "n_steps": "steps",
    "max_steps": "steps",
    "epochs": "steps",
    "loss": "metric",
    "input": "image",
    "target": "reference",
    "ref": "reference",
    "init": "initial",
    "img": "image",
    "out": "output",
    "output_dir": "output",
    "out_dir": "output",
    "outdir": "output",
    "save": "output",
    "gpu": "device",
    "cuda": "device",
    "network": "backbone",
    "net": "backbone",
    "model": "backbone",
    "sigma": "degradation.sigma",
    "factor": "degradation.factor",
    "batch_size": "batch",
    "momentum": "optimizer.momentum",
    "betas": "optimizer.betas",
}

_OF_COMMANDS = ("image", "pairs", "output", "map", "metrics", "format", "batch")

SETTINGS: dict[str, str] = {
    **{name: name for name in (*(each.name for each in fields(Config)), *_OF_COMMANDS)},
    **_ELSEWHERE,
}
"""The setting that a word means: ours, and those of other programs."""
