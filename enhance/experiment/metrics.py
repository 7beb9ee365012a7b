"""Settings -> metrics, which share their networks; the terms and the evaluation metrics of a run."""

from __future__ import annotations

import inspect
import logging
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from typing import Any

import torch
from torch import Tensor

from enhance.backbones.network import Backbone, load
from enhance.backbones.trunk import load_trunk
from enhance.backbones.weights import read_once
from enhance.config.groups import backbone_settings
from enhance.config.hydra_versions import instantiate_arguments
from enhance.config.schema import MODULE, BackboneConfig, Config, MetricConfig
from enhance.metrics.deep.published import network_for
from enhance.metrics.function import as_metric
from enhance.metrics.loading import load_metric
from enhance.metrics.metric import Metric
from enhance.metrics.registry import METRICS
from enhance.optim.objective import Term
from enhance.scoring.evaluation_metrics import EvaluationMetrics
from enhance.utils.arguments import listed
from enhance.utils.errors import SettingsError
from enhance.utils.suggest import unknown

_OWN = {"check_range", "reduction", "trunk", "weights"}  # arguments that this program gives to library metrics


class Metrics:
    """Metrics with the settings of a run or a command, which share their networks.

    Args:
        metric: settings of the main metric; those of the deep measures hold for each of them.
        backbone: of the deep measures that name none.
        scoring: as published; else every pixel counts, unless the settings say otherwise.
        autocast: precision in which backbones compute: `bfloat16`, `float16` or None.
        tf32: whether a GPU may round to TF32 in backbones.
        compiled: whether backbones are compiled.
    """

    def __init__(
        self,
        metric: MetricConfig,
        backbone: BackboneConfig,
        *,
        scoring: bool = False,
        autocast: str | None = None,
        tf32: bool = Config.tf32,
        compiled: bool = False,
    ) -> None:
        self._metric, self._backbone, self._scoring = metric, backbone, scoring
        self._autocast = getattr(torch, autocast) if autocast else None
        self._tf32, self._compiled = tf32, compiled
        self._backbones: dict[Any, Backbone] = {}
        self._trunk = cache(load_trunk)
        self._files: dict[Any, Any] = {}

    def main(self) -> Metric:
        """The main metric.

        Raises:
            ValueError: for a name or settings that cannot be.
            WeightsError: if weights are not available or do not fit.
        """
        return self._build(self._metric, self._backbone)

    def named(self, name: str) -> Metric:
        """A metric by its name, or NAME@BACKBONE; see `main`."""
        name, _, backbone = name.partition("@")
        if name == MODULE:
            return _module(self._metric)
        if name not in METRICS:
            raise SettingsError(unknown("metric", name, METRICS))
        if name == self._metric.name:
            settings = self._metric
        elif METRICS[name].deep:
            keep = {key: getattr(self._metric, key) for key in ("layout", "prefilter", "padding", "kernel")}
            settings = MetricConfig(name=name, **keep)
        else:
            settings = MetricConfig(name=name, weights=self._metric.weights)
        if backbone and not METRICS[name].deep:
            raise SettingsError(f"{name}@{backbone}: {name} uses no backbone.")
        return self._build(settings, self.backbone_settings(backbone) if backbone else self._backbone)

    def backbone_settings(self, name: str) -> BackboneConfig:
        """The settings of a backbone: the given ones, or those of its YAML, untrained where the given one is."""
        if name == self._backbone.name:
            return self._backbone
        found = backbone_settings(name)
        if self._backbone.weights == "untrained":  # of one as of all; a file fits one alone
            found = replace(found, weights="untrained", seed=self._backbone.seed)
        return found

    def _build(self, settings: MetricConfig, backbone: BackboneConfig) -> Metric:
        with read_once(self._files):
            return self._load(settings, backbone)

    def _load(self, settings: MetricConfig, backbone: BackboneConfig) -> Metric:
        if settings.name == MODULE:
            return _module(settings)
        row = METRICS[settings.name]
        if not row.deep:
            if own := _OWN & set(settings.arguments):
                raise SettingsError(f"metric.arguments.{min(own)} is set by the program; leave it out.")
            trunk = {"trunk": self._trunk(row.trunk, settings.weights)} if row.trunk else {}
            return load_metric(settings.name, check_range=self._scoring, **trunk, **settings.arguments)
        chosen = {key: value for key in ("layout", "kernel") if (value := getattr(settings, key))}
        return load_metric(
            settings.name,
            backbone=self._network(settings.name, backbone),
            prefilter=self._scoring if settings.prefilter is None else settings.prefilter,
            padding=settings.padding or ("published" if self._scoring else "up"),
            check_range=self._scoring,
            autocast=self._autocast,
            **chosen,
        )

    def _network(self, measure: str, settings: BackboneConfig) -> Backbone:
        name = network_for(measure, settings.name)
        key = (name, settings.weights, settings.seed, settings.model, tuple(settings.nodes or ()))
        if key not in self._backbones:
            network = load(name, settings.weights, seed=settings.seed, model=settings.model, nodes=settings.nodes)
            network.tf32 = self._tf32
            if self._compiled:
                if not torch.cuda.is_available():
                    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it misses CUDA
                network.compile()
            self._backbones[key] = network
        return self._backbones[key]


def terms(config: Config, metrics: Metrics) -> list[Term]:
    """The terms of a run's objective, the main metric first."""
    others = [
        Term(metrics.named(name), weight, "" if name == MODULE else name) for name, weight in config.terms.items()
    ]
    return [Term(metrics.main(), config.weight), *others]


def evaluation_metrics(config: Config, reference: Tensor) -> EvaluationMetrics:
    """The metrics of `judges=` of a run, which score as `task=score` does, whatever the run's own precision.

    Args:
        config: of the run.
        reference: (1, 3, H, W) in [0, 1], on the device of the run.

    Raises:
        ValueError: for a name, a size or weights that cannot be.
    """
    built = Metrics(config.metric, config.backbone, scoring=True)
    return EvaluationMetrics({name: built.named(name).to(reference.device) for name in config.judges}, reference)


def _module(settings: MetricConfig) -> Metric:
    """The metric of any importable function or class."""
    from hydra.errors import HydraException
    from hydra.utils import instantiate

    target = settings.target or ""
    logging.getLogger("hydra.utils").setLevel(logging.CRITICAL)  # the error that follows says it in one sentence
    found = _imported(target)
    if inspect.ismodule(found):
        raise SettingsError(f"metric.target={target} is a module; name a function or class of it, {target}.NAME.")
    try:
        function = instantiate(
            {"_target_": target, **settings.arguments},
            _partial_=not inspect.isclass(found),
            _convert_="all",
            **instantiate_arguments(),
        )
    except (HydraException, ImportError, ValueError, TypeError) as error:
        raise SettingsError(
            f"metric.target={target} cannot be made with {listed(settings.arguments)}: {_reason(error)}."
        ) from error
    made = as_metric(
        function,
        target.rpartition(".")[2],
        settings.higher_is_better,
        (0.0, 1.0) if settings.range is None else settings.range,
        best=settings.best,
    )
    made.settings["arguments"] = dict(settings.arguments)  # an object need not tell those that it was made with
    return made


def _imported(target: str) -> Any:
    """The function or class of a dotted name; of an unknown one the message has the nearest that its module has."""
    from hydra.utils import get_object

    try:
        return get_object(target)
    except ImportError as error:
        home, _, name = target.rpartition(".")
        try:
            owner = get_object(home)
        except ImportError:
            raise SettingsError(f"metric.target={target} cannot be imported: {_reason(error)}.") from error
        close = get_close_matches(name, [each for each in dir(owner) if callable(getattr(owner, each, None))], n=1)
        question = f"; did you mean {home}.{close[0]}?" if close else "."
        raise SettingsError(f"metric.target={target}: {home} has no {name}{question}") from error


def _reason(error: Exception) -> str:
    return str(error.__cause__ or error).splitlines()[0].rstrip(".")
