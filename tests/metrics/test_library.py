"""Every row of the registry that is a library's: its value, its direction, its gradient, and what it refuses."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import piq
import pytest
import torch
import torchmetrics.functional.image as library
from golden import SHARED
from hydra import compose
from omegaconf import OmegaConf
from torch import Tensor
from torch.nn import functional
from torchmetrics.functional.image import dists, lpips

import enhance
from enhance.backbones import weights
from enhance.backbones.trunk import load_trunk
from enhance.cli.help import help_text
from enhance.config.paths import choices, initialized
from enhance.config.schema import BackboneConfig, Config, MetricConfig, TaskConfig
from enhance.experiment.checks import check
from enhance.experiment.metrics import Metrics, terms
from enhance.experiment.optimization import Optimization
from enhance.metrics.finite_gradients import FiniteGradients
from enhance.metrics.function import FunctionMetric
from enhance.metrics.loading import load_metric
from enhance.metrics.registry import METRICS, Row
from enhance.optim.inputs import Inputs
from enhance.optim.loop import minimize
from enhance.optim.objective import Objective, Term
from enhance.optim.parametrizations import Pixels
from enhance.utils.errors import SettingsError
from enhance.utils.weights import WeightsError

VGG16 = SHARED / "weights" / "vgg16_features.safetensors"
NAMES = [name for name, row in METRICS.items() if not row.deep]
TRUNKS = [name for name in NAMES if METRICS[name].trunk]
PIQ = [name for name in NAMES if METRICS[name].target.startswith("piq:")]


@cache
def metric_of(name: str) -> FunctionMetric:
    metric = load_metric(name, **({"weights": "untrained"} if METRICS[name].trunk else {}))
    assert isinstance(metric, FunctionMetric)
    return metric


@cache
def pictures(name: str) -> tuple[Tensor, Tensor]:
    """A batch of two noisy images and their references, as small as the metric takes them."""
    side = 176 if name == "ms_ssim" else max(METRICS[name].min_size, 32)  # piq halves odd sides otherwise
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, 3, side // 6, side // 6, generator=generator)
    reference = functional.interpolate(
        coarse, size=(side, side + (16 if name == "ms_ssim" else 3)), mode="bicubic"
    ).clamp(0.05, 0.95)
    return (reference + 0.05 * torch.randn(reference.shape, generator=generator)).clamp(0, 1), reference


def gradient(metric: FunctionMetric, image: Tensor, reference: Tensor) -> Tensor:
    image = image.clone().requires_grad_()
    return torch.autograd.grad(metric.losses(image, reference).sum(), image)[0]


def _lpips(net: str) -> Callable[[Tensor, Tensor], Tensor]:
    """torchmetrics' own module, made by its own constructor, with the same trunk."""

    def compare(image: Tensor, reference: Tensor) -> Tensor:
        network = lpips._NoTrainLpips(net=net, pnet_rand=True)  # type: ignore[arg-type]
        ours: Any = metric_of({"alex": "lpips"}.get(net, f"lpips_{net}"))._compare
        layers = zip(network.net.state_dict(), ours.net.state_dict().values(), strict=True)  # ours has other names
        network.net.load_state_dict(dict(layers))
        return lpips._lpips_update(image, reference, network, normalize=True)

    return compare


def _dists(image: Tensor, reference: Tensor) -> Tensor:
    with pytest.MonkeyPatch.context() as patch:
        trunk, _ = load_trunk("vgg16", "untrained")
        patch.setattr(dists, "vgg16", lambda weights: _Holder(trunk))
        return library.deep_image_structure_and_texture_similarity(image, reference)


class _Holder:
    def __init__(self, features: torch.nn.Sequential) -> None:
        self.features = features


def _each(function: Callable[..., Any], **arguments: Any) -> Callable[[Tensor, Tensor], Tensor]:
    """A function that is given one image at a time."""

    def compare(image: Tensor, reference: Tensor) -> Tensor:
        pairs = zip(image.split(1), reference.split(1), strict=True)
        return torch.stack([torch.as_tensor(function(*pair, **arguments)).reshape(()) for pair in pairs])

    return compare


DIRECT: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": _each(functional.mse_loss),
    "mae": _each(functional.l1_loss),
    "psnr": _each(library.peak_signal_noise_ratio, data_range=1.0),
    "ssim": _each(piq.ssim, downsample=False),
    "ms_ssim": _each(piq.multi_scale_ssim),
    "vif": lambda image, reference: library.visual_information_fidelity(255 * image, 255 * reference, reduction="none"),
    "lpips": _lpips("alex"),
    "lpips_squeeze": _lpips("squeeze"),
    "lpips_vgg": _lpips("vgg"),
    "dists": _dists,
    "gmsd": partial(piq.gmsd, reduction="none"),
    "ms_gmsd": partial(piq.multi_scale_gmsd, reduction="none"),
    "fsim": partial(piq.fsim, reduction="none"),
    "vsi": partial(piq.vsi, reduction="none"),
    "mdsi": partial(piq.mdsi, reduction="none"),
    "haarpsi": partial(piq.haarpsi, reduction="none"),
    "iw_ssim": partial(piq.information_weighted_ssim, reduction="none"),
    "srsim": _each(piq.srsim),  # its maps are normalised over the whole batch
    "dss": partial(piq.dss, reduction="none"),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_score_is_the_librarys_value(name: str) -> None:
    image, reference = pictures(name)
    with torch.no_grad():
        expected = DIRECT[name](image, reference)
    assert metric_of(name).scores(image, reference).tolist() == pytest.approx(expected.tolist(), rel=2e-6, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_equals_its_images(name: str) -> None:
    image, reference = pictures(name)
    metric = metric_of(name)
    together = metric.losses(image, reference)
    singles = [metric(*pair).item() for pair in zip(image.split(1), reference.split(1), strict=True)]
    assert together.tolist() == pytest.approx(singles, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_worse_image_has_a_larger_loss(name: str) -> None:
    image, reference = pictures(name)
    worse = (reference + 3 * (image - reference)).clamp(0, 1)
    metric = metric_of(name)
    losses = torch.stack([metric.losses(each, reference) for each in (reference, image, worse)])
    assert losses[0].tolist() == pytest.approx([0, 0], abs=1e-5)
    assert (losses.diff(dim=0) > 0).all()
    scores = torch.stack([metric.scores(each, reference) for each in (image, worse)]).diff(dim=0)
    assert ((scores < 0) == metric.higher_is_better).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_finite_and_points_somewhere(name: str) -> None:
    image, reference = pictures(name)
    grad = gradient(metric_of(name), image, reference)
    assert grad.isfinite().all()
    assert (grad.flatten(1).abs().amax(1) > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_finite_at_the_reference_and_at_flat_images(name: str) -> None:
    _, reference = pictures(name)
    for image in (reference, torch.ones_like(reference), torch.full_like(reference, 0.5), torch.zeros_like(reference)):
        assert gradient(metric_of(name), image, reference).isfinite().all()


@pytest.mark.parametrize("name", PIQ)
def test_where_the_gradient_was_finite_it_is_the_librarys(name: str) -> None:
    image, reference = pictures(name)
    free = image.clone().requires_grad_()
    expected = torch.autograd.grad(DIRECT[name](free, reference).sum(), free)[0]
    sign = -1 if METRICS[name].higher_is_better else 1
    assert torch.allclose(gradient(metric_of(name), image, reference), sign * expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_masks(name: str) -> None:
    image, reference = pictures(name)
    metric = metric_of(name)
    ones = torch.ones_like(image[:1, :1])
    assert metric(image, reference, mask=ones).item() == pytest.approx(metric(image, reference).item(), abs=1e-6)
    left = ones.clone()
    left[..., image.shape[-1] // 2 :] = 0
    distorted = torch.where(left > 0, reference, image)
    assert metric(distorted, reference, mask=left).item() == pytest.approx(0, abs=2e-5)
    assert metric(distorted, reference, mask=1 - left).item() > 1e-4


@pytest.mark.parametrize("name", [name for name in NAMES if METRICS[name].min_size > 1])
def test_a_small_image_is_a_sentence(name: str) -> None:
    least = METRICS[name].min_size
    small = torch.rand(1, 3, least, least - 1, generator=torch.Generator().manual_seed(0))
    sentence = rf"at least {least} x {least} pixels for {name}, got {least - 1} x {least}"
    for call in (metric_of(name), metric_of(name).scores):
        with pytest.raises(ValueError, match=sentence):
            call(small, small)
    image, reference = torch.rand(2, 1, 3, least, least, generator=torch.Generator().manual_seed(0))
    loss = metric_of(name)(image, reference).item()
    assert 1e-6 < loss < 10


@pytest.mark.parametrize("name", NAMES)
def test_three_steps_lower_the_loss(name: str) -> None:
    image, reference = (each[:1] for each in pictures(name))
    objective = Objective([Term(metric_of(name))], reference)
    found = [step.loss for step in minimize(objective, Pixels(image), steps=3, learning_rate=0.003)]
    assert len(found) == 4
    assert found[-1] < found[0]


@pytest.mark.parametrize("name", PIQ)
def test_images_beyond_the_range(name: str) -> None:
    image, reference = (each[:1].clone() for each in pictures(name))
    image[..., 0, 0] = 1 + 5e-5  # what the check lets through, the library would refuse
    assert metric_of(name)(image, reference).isfinite()
    image[..., 0, 0] = 1.5
    with pytest.raises(ValueError, match="must lie in"):
        metric_of(name)(image, reference)
    if name != "dss":  # does not look
        with pytest.raises(ValueError, match=f"{name} cannot compare these images: Expected values"):
            load_metric(name, check_range=False).losses(image, reference)


def test_a_flat_reference_is_a_sentence() -> None:
    flat = torch.ones_like(pictures("iw_ssim")[0])
    with pytest.raises(ValueError, match="iw_ssim cannot compare these images"):
        metric_of("iw_ssim")(pictures("iw_ssim")[0], flat)


@pytest.mark.parametrize("name", PIQ)
def test_without_piq(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "piq", None)
    with pytest.raises(ValueError, match=r"needs piq, which is not installed: pip install 'enhance\[metrics\]'"):
        load_metric(name)


def test_unknown_arguments() -> None:
    for name, arguments in (("fsim", {"scale": 3}), ("mse", {"weights": "untrained"}), ("lpips", {"nets": "vgg"})):
        more = {"weights": "untrained"} if name == "lpips" else {}
        with pytest.raises(ValueError, match=f"metric={name} cannot be made with"):
            load_metric(name, **arguments, **more)


def test_library_arguments() -> None:
    image, reference = pictures("fsim")
    grey = load_metric("fsim", chromatic=False)
    assert grey.scores(image, reference).tolist() == pytest.approx(
        piq.fsim(image, reference, chromatic=False, reduction="none").tolist(), abs=1e-6
    )
    assert grey.describe()["chromatic"] is False


@pytest.mark.parametrize("x", [0.0, 0.25])
def test_finite_gradients(x: float) -> None:
    for root in (torch.sqrt, Tensor.sqrt, lambda a: a**0.5, lambda a: a.pow(0.5), lambda a: torch.pow(a, 0.5)):
        given = torch.tensor([x, 0.0, 4.0], dtype=torch.float64, requires_grad=True)
        with FiniteGradients():
            value = root(given)
        assert value.tolist() == [x**0.5, 0, 2]
        value.sum().backward()
        assert given.grad is not None
        assert given.grad.tolist() == [0 if x == 0 else 1, 0, 0.25]


# Weights


def test_untrained_trunks_are_seeded_and_described() -> None:
    for name in TRUNKS:
        about = metric_of(name).describe()["backbone"]
        assert about["name"] == METRICS[name].trunk
        assert about["pretrained"] is False
        assert about["sha256"] == load_trunk(METRICS[name].trunk, "untrained")[1]["sha256"]


def test_a_trunk_leaves_the_random_numbers_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    load_metric("lpips", weights="untrained")
    assert torch.equal(torch.rand(1), expected)


def test_pretrained_weights_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    layers, _ = load_trunk("alexnet", "untrained", seed=3)
    (tmp_path / "checkpoints").mkdir()
    state = {f"features.{key}": value for key, value in layers.state_dict().items()}
    torch.save(state, tmp_path / "checkpoints" / "alexnet-owt-7be5be79.pth")
    about = load_metric("lpips").describe()["backbone"]
    assert about["pretrained"] is True
    assert about["weights"] == "alexnet IMAGENET1K_V1"
    assert len(about["sha256"]) == 64


def test_weights_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: Any, **__: Any) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(WeightsError, match=r"alexnet .* \(no network\).*metric\.weights=FILE"):
        load_metric("lpips")
    with pytest.raises(WeightsError, match="takes pretrained, untrained, or a"):
        load_metric("dists", weights="embedded")
    with pytest.raises(WeightsError, match="got int"):
        load_metric("dists", weights=3)


def test_a_file_of_another_network(tmp_path: Path) -> None:
    torch.save(load_trunk("alexnet", "untrained")[0].state_dict(), tmp_path / "alexnet.pth")
    assert load_metric("lpips", weights=tmp_path / "alexnet.pth").describe()["backbone"]["from"].endswith("alexnet.pth")
    with pytest.raises(WeightsError, match="does not fit vgg16"):
        load_metric("lpips_vgg", weights=tmp_path / "alexnet.pth")


def test_a_file_of_weights_is_read_once_for_backbone_and_trunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "vgg16.pth"
    torch.save(load_trunk("vgg16", "untrained")[0].state_dict(), file)
    config = Config(
        metric=MetricConfig("deepjsd", weights=str(file)),
        backbone=BackboneConfig("vgg16", str(file)),
        terms={"lpips_vgg": 0.5, "dists": 0.1},
        task=TaskConfig("recover"),
    )
    check(config)
    calls: list[Path] = []
    read = weights.read_file
    monkeypatch.setattr(weights, "read_file", lambda path: calls.append(path) or read(path))
    found = terms(config, Metrics(config.metric, config.backbone))
    assert calls == [file]
    metrics: list[Any] = [term.function for term in found]
    assert len({metric.describe()["backbone"]["sha256"] for metric in metrics}) == 1


def test_metrics_of_one_trunk_share_it() -> None:
    metrics = Metrics(MetricConfig(name="dists", weights="untrained"), BackboneConfig(name="vgg_compact"))
    both: list[Any] = [metrics.main(), metrics.named("lpips_vgg")]
    layers = [
        {
            id(module)
            for module in metric.modules()
            if isinstance(module, torch.nn.Conv2d) and module.kernel_size == (3, 3)
        }
        for metric in both
    ]
    assert len(layers[0] & layers[1]) == 13


@pytest.mark.skipif(not VGG16.is_file(), reason="needs shared/weights")
@pytest.mark.parametrize("name", ["lpips_vgg", "dists"])
def test_trained_filters_tell_noise_from_a_shift_in_tone(name: str) -> None:
    metric = load_metric(name, weights=VGG16)
    image, reference = pictures(name)
    tone = (reference + (image - reference).square().mean().sqrt()).clamp(0, 1)
    assert (metric.losses(tone, reference) < metric.losses(image, reference) / 2).all()
    assert metric.describe()["backbone"]["weights"] == VGG16.name


def test_metric_weights_reach_every_metric_with_a_trunk() -> None:
    built = Metrics(MetricConfig("mse", weights="untrained"), BackboneConfig("vgg_compact"))
    assert built.named("lpips").describe()["backbone"]["pretrained"] is False
    assert built.main().describe()["backbone"] is None


def test_metric_weights_that_nobody_takes() -> None:
    with pytest.raises(SettingsError, match=r"deep measures take backbone\.weights="):
        check(settings("metric=deepwsd", "metric.weights=untrained"))
    with pytest.raises(SettingsError, match=r"metric\.weights=untrained goes with lpips"):
        check(settings("metric=mse", "metric.weights=untrained"))
    check(settings("metric=mse", "metric.weights=untrained", "+terms.lpips=1"))


# The registry


def settings(*arguments: str, folder: Path | None = None) -> Config:
    more = [f"hydra.searchpath=[file://{folder}]"] if folder else []
    with initialized():
        config = OmegaConf.to_object(compose("config", [*arguments, *more]))
    assert isinstance(config, Config)
    return config


def test_every_row_has_a_file_and_a_line_of_help() -> None:
    assert set(choices()["metric"]) == {*METRICS, "module"}
    assert set(DIRECT) == set(NAMES)
    assert all(f"  {name} " in help_text() for name in METRICS)


def test_what_a_metric_of_a_library_costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row, one file."""
    row = Row(
        "torchmetrics.functional.image:universal_image_quality_index",
        "UQI",
        "universal image quality index",
        higher_is_better=True,
        best=1,
        min_size=11,
    )
    monkeypatch.setitem(METRICS, "uqi", row)
    (tmp_path / "metric").mkdir()
    (tmp_path / "metric" / "uqi.yaml").write_text("name: uqi\n")
    config = settings("metric=uqi", "steps=2", "parametrization=pixels", folder=tmp_path)
    check(config)
    image, reference = (each[:1] for each in pictures("mse"))
    inputs = Inputs(reference, image, notes=(), start="noise")
    metrics = Metrics(config.metric, config.backbone)
    steps = list(Optimization(config, terms(config, metrics), inputs).steps())
    assert len(steps) == 3
    assert steps[-1].loss < steps[0].loss
    expected = library.universal_image_quality_index(image, reference).item()
    assert enhance.load_metric("uqi").scores(image, reference).item() == pytest.approx(expected)


@pytest.mark.parametrize("name", [name for name, row in METRICS.items() if not (row.deep or row.trunk)])
def test_only_a_mean_over_places_has_a_score_under_a_mask(name: str) -> None:
    metric, (image, reference) = load_metric(name), torch.rand(2, 1, 3, 176, 176)
    mask = torch.zeros(1, 1, 176, 176)
    mask[..., :, :88] = 1
    if not METRICS[name].local:
        with pytest.raises(ValueError, match=f"{name} is no mean over places"):
            metric.scores(image, reference, mask)
        return
    cut = metric.scores(image[..., :88], reference[..., :88])
    torch.testing.assert_close(metric.scores(image, reference, mask), cut, rtol=0.05, atol=0.02)


@pytest.mark.parametrize("side", [20, 40])
def test_ssim_under_a_small_mask_is_that_of_the_part(side: int) -> None:
    metric, (image, reference) = load_metric("ssim"), pictures("ms_ssim")
    part = (..., slice(60, 60 + side), slice(60, 60 + side))
    mask = torch.zeros(1, 1, *image.shape[-2:])
    mask[part] = 1
    torch.testing.assert_close(
        metric.scores(image, reference, mask), metric.scores(image[part], reference[part]), rtol=0, atol=0.015
    )


def test_ssim_under_a_mask_at_the_edge_is_finite_and_its_gradient_too() -> None:
    metric, (image, reference) = load_metric("ssim"), pictures("ssim")
    mask = torch.zeros(1, 1, *image.shape[-2:])
    mask[..., :2, :2] = 1
    free = image.clone().requires_grad_()
    assert 0 < metric.scores(image, reference, mask).mean().item() < 1
    metric(free, reference, mask).backward()
    assert free.grad is not None
    assert free.grad.isfinite().all()
    assert free.grad[..., :2, :2].abs().max() > 0
    assert not free.grad[..., 2:, 2:].any()


def test_a_users_own_metric_of_any_name_has_a_score_under_a_mask() -> None:
    image, reference = torch.rand(2, 1, 3, 16, 16)
    own = enhance.as_metric(lambda x, y: (x - y).abs().mean((1, 2, 3)), name="vif")
    assert own.scores(image, reference, torch.ones(1, 1, 16, 16)).item() > 0
