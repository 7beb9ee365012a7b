"""The training of the denoiser: updates, their schedule, the moving average, checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional

from enhance.config.schema import OptimizerConfig
from enhance.metrics.deep.distance import DeepDistance
from enhance.metrics.deep.named import deep_metric
from enhance.optim.optimizers import make_optimizer
from enhance.restoration.denoiser import LAST, PERCEPTUAL, Denoiser
from enhance.runs.checkpoint import Checkpoints
from research.denoiser.restored import restored_samples
from research.denoiser.samples import Pool, Samples, generator_of, noisy_samples
from research.denoiser.settings import DenoiserSettings
from research.muon import Muon
from research.training import Training, run

_ENDS = ("head.", "tail.")
_WARM_UP = 100  # steps
_DECAY = 0.35  # share of the steps over which the rate falls at the end
_LOWEST = 0.01
_AVERAGED = 0.999
_ADAM = OptimizerConfig("adam", betas=[0.9, 0.99])


class _InHalf(nn.Module):
    """The network under autocast; what it returns is single precision."""

    def __init__(self, network: Denoiser) -> None:
        super().__init__()
        self.network = network

    def forward(self, noisy: Tensor, noise: Tensor) -> Tensor:
        # Casts that are kept would be of the weights before the update, where the pass is a recorded graph.
        with torch.autocast(noisy.device.type, torch.bfloat16, cache_enabled=False):
            found = self.network(noisy.contiguous(memory_format=torch.channels_last), noise)
        return found.float()


class DenoiserTraining(Training):
    """The denoiser in training, see `Training`. On CUDA its passes are recorded as graphs: their kernels are so short
    that launching them would take most of the time.
    """

    def __init__(self, settings: DenoiserSettings, device: torch.device) -> None:
        torch.manual_seed(settings.seed)
        self.network = Denoiser().to(device).to(memory_format=torch.channels_last)
        with torch.no_grad():
            self.network.tail.weight.mul_(0.1)  # little is subtracted at first
        self._compare: DeepDistance | None = None
        self._start, self._keep = dict[str, Tensor](), settings.keep
        if settings.start:
            self._start = load_file(settings.start)
            self.network.load_state_dict(self._start)
        if settings.perceptual:
            self._compare = deep_metric(settings.measure)("vgg_compact", check_range=False).to(device)
        for name, parameter in self.network.named_parameters():
            parameter.requires_grad_(self._compare is None or name.startswith(LAST))
        trained = {name: p for name, p in self.network.named_parameters() if p.requires_grad}
        inner = [p for name, p in trained.items() if not name.startswith(_ENDS)]
        ends = [p for name, p in trained.items() if name.startswith(_ENDS)]
        self._rate, self._weight = settings.learning_rate, settings.perceptual
        rate = self._rate
        optimizers = {
            "inner": Muon(inner, rate) if settings.muon else make_optimizer(_ADAM)(inner, rate),
            "ends": make_optimizer(_ADAM)(ends, rate),
        }
        super().__init__(self.network, inner + ends, optimizers, _AVERAGED)
        self._plain = _InHalf(self.network)
        self._estimate: Callable[[Tensor, Tensor], Tensor] = self._plain
        if device.type == "cuda":
            shape = settings.batch, 3, settings.crop, settings.crop
            example = torch.rand(shape, device=device), torch.rand(shape, device=device)[:, :1].contiguous()
            self._estimate = torch.cuda.make_graphed_callables(self._estimate, example)  # type: ignore[assignment]

    def update(self, samples: Samples, factor: float) -> float:
        """The loss of a batch, before one update at the learning rate times a factor.

        Raises:
            ValueError: if the loss is not finite.
        """

        def loss() -> Tensor:
            found = self._estimate(samples.noisy, samples.maps)
            found = torch.where(samples.seen, found, samples.clean)
            error = functional.l1_loss(found, samples.clean)
            return error + self._weight * self._compare(found, samples.clean) if self._compare else error

        return self.step(loss, self._rate * factor)

    def samples(self, settings: DenoiserSettings, pool: Pool, step: int) -> Samples:
        """The samples of a step. Those that a coupling shows depend on the weights before the step."""
        generator, states = generator_of(pool.data.device, settings.seed, step), settings.states
        made = noisy_samples(pool, settings.crop, settings.batch - states, generator)
        if not states:
            return made
        return made.and_then(restored_samples(pool, settings.crop, states, self._plain, generator))

    def weights(self) -> bytes:
        """See `Training.weights`; a mean with what was there before, or, where only the last layers were trained, those
        beside it.
        """
        if self._compare is None:
            before = {key: value.to(self.average[key]) for key, value in self._start.items()}
            mixed = {key: value.lerp(before.get(key, value), self._keep) for key, value in self.average.items()}
            return save({key: value.half().cpu().contiguous() for key, value in mixed.items()})
        halves = {key: value.half().cpu().contiguous() for key, value in self.average.items()}
        return save({**self._start, **{f"{PERCEPTUAL}{key}": halves[key] for key in halves if key.startswith(LAST)}})


def train(settings: DenoiserSettings, images: Sequence[Tensor], checkpoints: Checkpoints) -> DenoiserTraining:
    """The training, from its last checkpoint if there is one, until the last step.

    Raises:
        ValueError: if all photographs are smaller than a crop, the checkpoint is damaged or of other settings, or the
            loss is not finite.
        KeyboardInterrupt: after Ctrl-C, once a checkpoint is written.
    """
    pool, recent = Pool.of(images, settings.crop), 0.0
    training = DenoiserTraining(settings, pool.data.device)

    def update(step: int) -> float:
        """The mean loss of the last hundred steps or so."""
        nonlocal recent
        loss = training.update(training.samples(settings, pool, step), schedule(step, settings.steps))
        recent = loss if not recent else 0.99 * recent + 0.01 * loss
        return recent

    run(training, settings.steps, update, checkpoints, checkpoints.load())
    return training


def schedule(step: int, steps: int) -> float:
    """The factor on the learning rate: it rises, stays, and falls to the end along a cosine. It depends on the number
    of steps only where it falls, so that a run can still be made longer before.
    """
    through = max(0.0, 1 - (1 - step / steps) / _DECAY)
    return min(1.0, (step + 1) / _WARM_UP) * max(_LOWEST, 0.5 * (1 + math.cos(math.pi * through)))
