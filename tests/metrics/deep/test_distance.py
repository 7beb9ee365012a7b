"""The metrics as modules: batches, sizes, precision, identity, and a sentence for every mistake."""

from __future__ import annotations

import copy
import pickle
import sys
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from helpers import network
from torch import Tensor

from enhance.metrics.deep.distance import DeepDistance
from enhance.metrics.deep.fusion import level_distances, prepare_levels
from enhance.metrics.deep.named import DEEP_METRICS
from enhance.metrics.deep.published import level_spec, network_for
from enhance.metrics.encode import encode_once

PAIRS = [
    (metric, backbone)
    for metric in DEEP_METRICS
    for backbone in ("vgg19", "vgg16", "squeezenet", "mobilenet", "efficientnet", "resnet")
]


CPU = torch.device("cpu")


def build(
    metric: str, backbone: str, device: torch.device = CPU, dtype: torch.dtype = torch.float32, **settings: Any
) -> DeepDistance:
    """An untrained metric; networks are built once."""
    return DEEP_METRICS[metric](network(network_for(metric, backbone), backbone, device, dtype), **settings)


def test_without_pot_the_one_pair_that_needs_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(ValueError, match="DeepWSD in MobileNet needs POT, which is not installed: python -m pip"):
        build("deepwsd", "mobilenet")
    build("deepjsd", "mobilenet")
    build("deepwsd", "vgg_compact")


@pytest.mark.parametrize(("metric", "backbone"), PAIRS)
def test_zero_with_finite_zero_gradient_at_identity(
    metric: str, backbone: str, images: tuple[Tensor, Tensor], device: torch.device
) -> None:
    module = build(metric, backbone, device)
    reference = images[1][:1].to(device)
    image = reference.clone().requires_grad_()
    loss = module(image, reference)
    cuda = device.type == "cuda"  # where convolutions of equal images may differ in the last bit
    assert abs(loss.item()) < (1e-10 if cuda else 1e-12)
    assert module.score(image, reference) < (3e-3 if cuda else 1e-3)
    loss.backward()
    assert image.grad is not None
    assert image.grad.abs().max() < 1e-7


@pytest.mark.parametrize("metric", DEEP_METRICS)
def test_equal_batches_have_zero_loss_and_gradient_with_several_threads(metric: str) -> None:
    # A sum over a whole batch is rounded otherwise than one over an image, once threads share it.
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        columns = torch.rand(64, 3, 1200, generator=torch.Generator().manual_seed(0)).requires_grad_()
        rule = level_spec(metric, "vgg19")
        losses = level_distances(columns, prepare_levels(columns.detach(), (1200,), rule), rule)
        losses.sum().backward()
    finally:
        torch.set_num_threads(threads)
    assert losses.tolist() == [[0.0], [0.0], [0.0]]
    assert columns.grad is not None
    assert not columns.grad.any()


@pytest.mark.parametrize(("metric", "backbone"), PAIRS)
def test_a_batch_equals_its_single_images(
    metric: str, backbone: str, images: tuple[Tensor, Tensor], device: torch.device
) -> None:
    # EfficientNet-B7, untrained, blows up the last digit of a convolution, which depends on the batch.
    precision = torch.float64 if backbone == "efficientnet" and device.type != "mps" else torch.float32
    module = build(metric, backbone, device, precision, reduction="none")
    image, reference = (each.to(device, precision) for each in images)
    together = module(image, reference)
    assert together.shape == (2,)
    for index in range(2):
        alone = module(image[index : index + 1], reference[index : index + 1])
        assert torch.allclose(together[index], alone[0], rtol=1e-5, atol=1e-6)
    target = module.prepare(reference[:1])
    against_one = module(image, target)
    assert torch.allclose(against_one[1], module(image[1:], target)[0], rtol=1e-5, atol=1e-6)
    assert torch.allclose(against_one, module(image, reference[:1]), rtol=1e-5)


@pytest.mark.parametrize("metric", DEEP_METRICS)
def test_the_gradient_is_the_slope_of_the_loss(metric: str, images: tuple[Tensor, Tensor]) -> None:
    module = build(metric, "squeezenet", CPU, torch.float64)
    image, reference = (each[:1].double() for each in images)
    image = image.clamp(0.01, 0.99).requires_grad_()
    direction = torch.randn(image.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) * 0.1
    module(image, reference).backward()
    assert image.grad is not None
    step = 1e-6
    with torch.no_grad():
        rise = module(image + step * direction, reference) - module(image - step * direction, reference)
    assert (image.grad * direction).sum().item() == pytest.approx(rise.item() / (2 * step), rel=1e-3)


@pytest.mark.parametrize("metric", DEEP_METRICS)
def test_loss_and_gradient_are_those_of_the_cpu_in_double_precision(
    metric: str, images: tuple[Tensor, Tensor], device: torch.device, dtype: torch.dtype
) -> None:
    def measured(device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        module = build(metric, "squeezenet", device, dtype)
        image, reference = (each.clone().to(device, dtype) for each in images)
        loss = module(image.requires_grad_(), reference)
        loss.backward()
        assert (loss.device.type, loss.dtype) == (device.type, dtype)
        assert image.grad is not None
        return loss.detach().cpu().double(), image.grad.cpu().double()

    loss, gradient = measured(device, dtype)
    expected, exact = measured(CPU, torch.float64)
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=0)
    assert (gradient - exact).norm() < 0.01 * exact.norm()


def test_precision_follows_the_module(images: tuple[Tensor, Tensor]) -> None:
    single = build("deepjsd", "squeezenet")
    double = copy.deepcopy(single).double()
    assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
    image, reference = images
    assert double(image.double(), reference.double()).dtype == torch.float64
    assert single(image.bfloat16(), reference.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("metric", DEEP_METRICS)
def test_an_autocast_region_changes_no_bit(metric: str, images: tuple[Tensor, Tensor], device: torch.device) -> None:
    module = build(metric, "squeezenet", device)
    image, reference = (each.to(device) for each in images)
    outside = module(image, reference)
    with torch.autocast(device.type, torch.bfloat16):
        assert torch.equal(module(image, reference), outside)


def test_autocast_computes_the_backbone_in_lower_precision(images: tuple[Tensor, Tensor], device: torch.device) -> None:
    image, reference = (each.to(device) for each in images)
    exact = build("deepjsd", "squeezenet", device)(image, reference)
    lower = build("deepjsd", "squeezenet", device, autocast=torch.bfloat16)
    assert lower(image, reference) != exact
    assert lower(image, reference).item() == pytest.approx(exact.item(), rel=0.05)
    assert lower(reference, reference) == 0


@pytest.mark.parametrize("scale", [1e-14, 1.0, 1e14])
@pytest.mark.parametrize("backbone", ["vgg_compact", "mobilenet"])
def test_in_float16_the_gradient_is_kept_at_any_scale_of_the_loss(
    scale: float, backbone: str, images: tuple[Tensor, Tensor], device: torch.device
) -> None:
    image, reference = (each.to(device).repeat(2, 1, 1, 1) for each in images)
    image[1] = torch.lerp(reference[1], image[1], 1e-3)  # one close to the reference, whose gradient is far smaller

    def gradient(scale: float, autocast: torch.dtype | None) -> Tensor:
        leaf = image.clone().requires_grad_()
        losses = build("deepjsd", backbone, device, autocast=autocast, reduction="none")(leaf, reference)
        losses.mul(scale).sum().backward(retain_graph=True)
        first, leaf.grad = leaf.grad, None
        losses.mul(scale).sum().backward()
        assert first is not None
        assert leaf.grad is not None
        assert torch.equal(leaf.grad, first)
        return leaf.grad / scale

    exact, lower = gradient(1, None), gradient(scale, torch.float16)
    assert (lower[0] - exact[0]).norm() < 0.1 * exact[0].norm()
    assert torch.isfinite(lower).all()
    assert lower[1].abs().max() > 0


def test_in_float16_metrics_that_share_a_pass_have_the_sum_of_their_gradients(
    images: tuple[Tensor, Tensor], device: torch.device
) -> None:
    image, reference = (each.to(device) for each in images)
    backbone = network("vgg_compact", device=device)
    metrics = [DEEP_METRICS[name](backbone, autocast=torch.float16) for name in ("deepjsd", "deepskld")]

    def gradient(share: bool) -> Tensor:
        leaf = image.clone().requires_grad_()
        with encode_once() if share else nullcontext():
            sum(1e3**k * metric(leaf, reference) for k, metric in enumerate(metrics)).backward()  # type: ignore[union-attr]
        assert leaf.grad is not None
        return leaf.grad

    together, apart = gradient(True), gradient(False)
    assert (together - apart).norm() < 0.02 * apart.norm()


def test_it_is_frozen_and_without_state_and_survives_copies(images: tuple[Tensor, Tensor]) -> None:
    module = copy.deepcopy(build("deepwsd", "squeezenet"))
    assert not any(parameter.requires_grad for parameter in module.parameters())
    assert not module.state_dict()
    assert not module.train().backbone.training
    parent = torch.nn.Sequential(module, torch.nn.Linear(1, 1)).double()
    assert module.dtype == torch.float64
    parent.float()
    expected = module(*images)
    assert copy.deepcopy(module)(*images) == expected
    assert pickle.loads(pickle.dumps(module))(*images) == expected


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_reductions(reduction: str, images: tuple[Tensor, Tensor]) -> None:
    each = build("deepskld", "squeezenet", reduction="none")(*images)
    value = build("deepskld", "squeezenet", reduction=reduction)(*images)
    assert torch.allclose(value, {"mean": each.mean(), "sum": each.sum(), "none": each}[reduction])


def test_the_score_is_a_function_of_the_loss(images: tuple[Tensor, Tensor]) -> None:
    module = build("deepjsd", "squeezenet", reduction="none")
    score = module.score(images[0].requires_grad_(), images[1])
    assert not score.requires_grad
    assert torch.allclose(score, torch.log1p(module(*images).detach()) ** 0.25)


def test_the_prefilter_halves_a_large_image() -> None:
    image, reference = torch.rand(2, 1, 3, 400, 512)
    halved = [torch.nn.functional.avg_pool2d(each, 2) for each in (image, reference)]
    assert torch.allclose(build("deepjsd", "squeezenet")(image, reference), build("deepjsd", "squeezenet")(*halved))
    assert build("deepjsd", "squeezenet", prefilter=False)(image, reference) != build("deepjsd", "squeezenet")(*halved)


@pytest.mark.parametrize("size", [(8, 3000), (3000, 9)])
def test_the_prefilter_takes_a_thin_image(size: tuple[int, int]) -> None:
    image = torch.rand(1, 3, *size)
    assert build("deepjsd", "squeezenet").score(image, image) == 0


@pytest.mark.parametrize("name", ["deepwsd", "deepjsd"])
def test_a_prepared_reference_is_a_copy(name: str, images: tuple[Tensor, Tensor]) -> None:
    module, reference = build(name, "squeezenet"), images[1].clone().requires_grad_()
    target = module.prepare(reference)
    before = module(images[0], target)
    with torch.no_grad():
        reference.mul_(0.5)
    assert module(images[0], target) == before
    assert not any(level.columns.requires_grad for level in target.levels)


@pytest.mark.parametrize("smoothing", [-1.0, float("nan"), float("inf")])
def test_smoothing_is_a_finite_amount(smoothing: float) -> None:
    with pytest.raises(ValueError, match="smoothing="):
        build("deepwsd", "squeezenet").smoothed(smoothing)


def _bad_calls(image: Tensor) -> list[tuple[object, object, str]]:
    return [
        (image[0], image, r"Add the batch dimension: image\[None\]"),
        (image.permute(0, 2, 3, 1), image, "channels first"),
        (image[:, :1], image, "Repeat the grey channel"),
        (image * 255, image, "Divide by 255"),
        (image - 0.02, image, "Clamp it"),
        (2 * image - 1, image, r"\(image \+ 1\) / 2"),
        (image * torch.nan, image, "contains NaN"),
        ((image * 255).byte(), image, r"image.float\(\) / 255"),
        (image.double(), image, r"image.to\(torch.float32\)"),
        (image[..., :7], image, "at least 8 x 8"),
        (image[..., :20], image, "image is 20 x 37 but reference is 50 x 37"),
        (image[:0], image, "empty batch"),
        (image.repeat(2, 1, 1, 1), image, "batch of 4 but reference one of 2"),
        (image.numpy(), image, r"torch tensor .* torch.from_numpy\(image\)"),
        ("photo.png", image, r"torch tensor .* enhance.load_image\(image\)"),
        (image, "photo.png", r"torch tensor .* enhance.load_image\(reference\)"),
        (image.to("meta"), image, "on meta but the metric is on cpu"),
        (image.to_sparse(), image, r"image.to_dense\(\)"),
    ]


@pytest.mark.parametrize("case", range(17))
def test_an_image_of_wrong_shape_range_dtype_or_device_is_refused(case: int, images: tuple[Tensor, Tensor]) -> None:
    image, reference, sentence = _bad_calls(images[1])[case]
    with pytest.raises(ValueError, match=sentence):
        build("deepjsd", "squeezenet")(image, reference)  # type: ignore[arg-type]


def test_a_prepared_reference_belongs_to_its_metric(images: tuple[Tensor, Tensor]) -> None:
    module = build("deepjsd", "squeezenet")
    target = module.prepare(images[1])
    with pytest.raises(ValueError, match="prepared by another metric"):
        build("deepwsd", "squeezenet")(images[0], target)
    moved = copy.deepcopy(module)
    target = moved.prepare(images[1])
    moved.double()
    with pytest.raises(ValueError, match="Prepare the reference again"):
        moved(images[0].double(), target)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"layout": "spacial"}, "did you mean 'spatial'"),
        ({"reduction": "avg"}, "no reduction 'avg'"),
        ({"padding": "down"}, "no padding 'down'"),
        ({"prefilter": "no"}, "must be True or False"),
    ],
)
def test_an_unknown_layout_reduction_padding_or_prefilter_is_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        build("deepjsd", "squeezenet", **settings)
