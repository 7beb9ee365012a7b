"""Settings -> objects: devices, metrics, terms, and the optimisation that the command and `enhance.optimize` share."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor

from enhance.backbones.network import Backbone, load
from enhance.backbones.trunk import load_trunk
from enhance.backbones.weights import read_once
from enhance.config.hydra_versions import instantiate_arguments
from enhance.config.paths import choices, default_choice, home
from enhance.config.schema import MODULE, BackboneConfig, Config, MetricConfig, SettingsError, steps
from enhance.inputs import Inputs
from enhance.metrics.deep.published import network_for
from enhance.metrics.function import as_metric
from enhance.metrics.metric import Metric
from enhance.metrics.registry import METRICS, load_metric
from enhance.metrics.tiles import tile_size
from enhance.optim.coarse_to_fine import coarse_to_fine
from enhance.optim.frames import FramePlan
from enhance.optim.loop import Settings, minimize
from enhance.optim.objective import Objective, Term
from enhance.optim.optimizers import OPTIMIZERS, MakeOptimizer, make_optimizer
from enhance.optim.parametrizations import Masked, Parametrization, default_rate, make_parametrization
from enhance.optim.schedules import Schedule, graduated, make_schedule
from enhance.optim.step import Step
from enhance.optim.stopping import Rule, stopping_rules
from enhance.scoring.judges import Judges
from enhance.utils.arguments import listed
from enhance.utils.suggest import unknown

_Settings = TypeVar("_Settings")
_OWN = {"check_range", "reduction", "trunk", "weights"}  # arguments that this program gives to library metrics
_CPU = torch.device("cpu")
_KEPT = 100_000_000  # pixels of all frames of a run together


class Optimization:
    """An optimisation of the settings, on its device.

    Args:
        config: of the run; its metric and terms are not looked at.
        terms: of the objective.
        inputs: reference, initial image and mask.
        device: of the run; None: where the main metric lies.
        parametrization, optimizer, schedule: in place of those of the settings.

    Attributes:
        objective: at full size.
        reference, initial: (1, 3, H, W) in [0, 1], on the device.
    """

    def __init__(
        self,
        config: Config,
        terms: Sequence[Term],
        inputs: Inputs,
        device: torch.device | None = None,
        *,
        parametrization: Callable[[Tensor], Parametrization] | None = None,
        optimizer: MakeOptimizer | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        for term in terms:
            if device is not None and isinstance(term.function, Metric):
                term.function.to(device)
        main = next((term.function for term in terms if isinstance(term.function, Metric)), None)
        device = device or (main.device if main else None) or torch.device("cpu")
        where = {"device": device, "dtype": main.dtype if main else torch.float32}
        self.reference, self.initial = inputs.reference.to(**where), inputs.initial.to(**where)
        self._mask = None if inputs.mask is None else inputs.mask.to(**where)
        self._config, self._terms, self._tile = config, terms, config.tile
        similar = inputs.similar
        self._make = parametrization or make_parametrization(config.parametrization, similar)
        made = self._make(self.initial[..., :8, :8])
        if not all(callable(getattr(made, part, None)) for part in ("parameters", "image", "project")):
            raise ValueError(
                f"parametrization must make a Parametrization of the image, as Pixels does, not {type(made).__name__}."
            )
        self._settings = Settings(
            optimizer=optimizer or make_optimizer(config.optimizer),
            schedule=schedule or make_schedule(config.schedule),
            reset_moments=config.schedule.reset_moments,
            # of a sum that may fall below zero there is no logarithm
            log_loss=config.optimizer.log_loss and all(term.weight >= 0 for term in terms),
            smoothing=graduated(config.optimizer.smoothing),
            tf32=config.tf32,
        )
        own = OPTIMIZERS[config.optimizer.name].learning_rate if optimizer is None else None
        self._rate = config.optimizer.learning_rate or own or default_rate(made, similar)
        self.objective = self._objective(self.reference, self._mask)

    def _objective(self, reference: Tensor, mask: Tensor | None) -> Objective:
        height, width = reference.shape[-2:]
        return Objective(self._terms, reference, mask, tile_size(height, width, self._tile))

    def _parametrized(self, initial: Tensor, mask: Tensor | None) -> Parametrization:
        made = self._make(initial)
        return made if mask is None else Masked(made, initial, mask)

    def steps(self, resume: Mapping[str, Any] | None = None) -> Iterator[Step]:
        """The Steps of the run, from its beginning or from the state of a Step."""
        settings: Settings = {**self._settings, "resume": resume}
        count = {"steps": steps(self._config), "learning_rate": self._rate}
        if not self._config.coarse:
            start = self._parametrized(self.initial, self._mask)
            return minimize(self.objective, start, **count, **settings)
        return coarse_to_fine(
            self._objective, self.reference, self.initial, self._parametrized, **count, mask=self._mask, **settings
        )

    def rules(self) -> list[Rule]:
        """The rules of early stopping that the settings ask for."""
        better = self.objective.main.higher_is_better
        made_worse = next(term.weight for term in self._terms if term.function is self.objective.main) < 0
        return stopping_rules(self._config.stopping, better != made_worse)

    def frames(self) -> FramePlan:
        """The steps that are kept: fewer of large images, so that all frames together have `_KEPT` pixels."""
        height, width = self.reference.shape[-2:]
        most = max(2, _KEPT // (height * width))
        plan, count = self._config.frames, steps(self._config)
        every = max(plan.every, -(-count // most))
        return FramePlan(plan.spacing, count=min(plan.count, most), every=every, steps=count)


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
            WeightsError: if weights cannot be had or do not fit.
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


def judges(config: Config, reference: Tensor) -> Judges:
    """The judges of a run, which score as `task=score` does, whatever the run's own precision.

    Args:
        config: of the run.
        reference: (1, 3, H, W) in [0, 1], on the device of the run.

    Raises:
        ValueError: for a name, a size or weights that cannot be.
    """
    built = Metrics(config.metric, config.backbone, scoring=True)
    return Judges({name: built.named(name).to(reference.device) for name in config.judges}, reference)


def group_settings(kind: type[_Settings], group: str, name: str | None = None) -> _Settings:
    """The settings of a choice of a group as its YAML has them.

    Args:
        kind: dataclass of the group.
        group: of conf/.
        name: of the YAML; None: that of a run in which nothing is chosen.

    Raises:
        SettingsError: for an unknown name.
    """
    from omegaconf import OmegaConf

    name = name or default_choice(group)
    if name not in choices()[group]:
        raise SettingsError(unknown(group, name, choices()[group]))
    file = home() / "conf" / group / f"{name}.yaml"
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(kind), OmegaConf.load(file)))  # type: ignore[return-value]


def backbone_settings(name: str | None = None) -> BackboneConfig:
    """The settings of a backbone, see `group_settings`."""
    return group_settings(BackboneConfig, "backbone", name)


def degradation_settings(name: str) -> dict[str, Any]:
    """The settings of a degradation as its YAML has them, its name among them.

    Raises:
        SettingsError: for an unknown name.
    """
    from omegaconf import OmegaConf

    if name not in choices()["degradation"]:
        raise SettingsError(unknown("degradation", name, choices()["degradation"]))
    values = OmegaConf.to_container(OmegaConf.load(home() / "conf" / "degradation" / f"{name}.yaml"))
    return {str(key): value for key, value in dict(values or {}).items()}  # type: ignore[arg-type]


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` is a CUDA device, else the GPU of a Mac, else the CPU: the first that computes.

    Raises:
        SettingsError: for a device that this machine does not have.
    """
    if name == "auto":
        found = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
        return next((torch.device(kind) for kind, there in found.items() if there() and _computes(kind)), _CPU)
    if not _computes(name):
        raise SettingsError(
            f"device={name} is not to be had here; take device=auto, device=cpu or, with a GPU, device=cuda."
        )
    return torch.device(name)


def _computes(name: str) -> bool:
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError, NotImplementedError):
        return False
    return True


def _module(settings: MetricConfig) -> Metric:
    """The metric of any importable function or class."""
    from hydra.errors import HydraException
    from hydra.utils import get_object, instantiate

    target = settings.target or ""
    logging.getLogger("hydra.utils").setLevel(logging.CRITICAL)  # the error that follows says it in one sentence
    try:
        found = get_object(target)
        function = instantiate(
            {"_target_": target, **settings.arguments},
            _partial_=not inspect.isclass(found),
            _convert_="all",
            **instantiate_arguments(),
        )
    except (HydraException, ImportError, ValueError, TypeError) as error:
        reason = str(error.__cause__ or error).splitlines()[0].rstrip(".")
        raise SettingsError(
            f"metric.target={target} cannot be made with {listed(settings.arguments)}: {reason}."
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
