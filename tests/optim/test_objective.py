"""An objective: a weighted sum of terms, within a mask, in tiles, with one pass for metrics that share a backbone."""

from __future__ import annotations

import math

import pytest
import torch
from helpers import network
from torch import Tensor

import enhance
from enhance.config.schema import Config, MetricConfig
from enhance.experiment.optimization import Optimization
from enhance.optim.inputs import read_inputs
from enhance.optim.objective import Objective, Term


@pytest.fixture
def reference(images: tuple[Tensor, Tensor]) -> Tensor:
    return images[1][:1]


@pytest.fixture
def image(images: tuple[Tensor, Tensor]) -> Tensor:
    return images[0][:1]


@pytest.fixture
def jsd() -> enhance.DeepJSD:
    return enhance.DeepJSD(network("squeezenet"), prefilter=False, padding="up")


@pytest.fixture
def roi(reference: Tensor) -> Tensor:
    """The left half."""
    mask = torch.zeros(1, 1, *reference.shape[-2:])
    mask[..., : reference.shape[-1] // 2] = 1
    return mask


def variation(image: Tensor) -> Tensor:
    return image.diff(dim=-1).abs().mean()


def test_it_is_the_weighted_sum_and_names_every_term(image: Tensor, reference: Tensor, jsd: enhance.DeepJSD) -> None:
    mae = enhance.load_metric("mae")
    objective = Objective([Term(variation, 0.1), Term(jsd), Term(mae, 0.5)], reference)
    assert objective.names == ("deepjsd", "mae", "variation")
    assert objective.main is jsd
    expected = [jsd(image, reference), mae(image, reference), variation(image)]
    loss, terms = objective(image)
    assert torch.allclose(terms, torch.stack(expected))
    assert torch.allclose(loss, expected[0] + 0.5 * expected[1] + 0.1 * expected[2])
    assert objective.score(terms.tolist()) == pytest.approx(jsd.score(image, reference).item(), rel=1e-6)


def test_metrics_of_one_backbone_cost_one_pass(image: Tensor, reference: Tensor) -> None:
    backbone, passes = network("squeezenet"), list[int]()
    handle = backbone.register_forward_hook(lambda *_: passes.append(1))
    try:
        kinds = (enhance.DeepJSD, enhance.DeepSKLD, enhance.DeepWSD)
        metrics = [kind(backbone, prefilter=False, padding="up") for kind in kinds]
        objective = Objective([Term(metric) for metric in metrics], reference)
        assert len(passes) == 1
        together = objective(image).terms
        assert len(passes) == 2
        alone = torch.stack([metric(image, reference) for metric in metrics])
    finally:
        handle.remove()
    assert torch.equal(together, alone)


@pytest.mark.parametrize("name", ["deepwsd", "deepjsd", "deepskld", "mse", "ssim", "psnr"])
def test_a_mask_of_ones_changes_nothing_and_what_is_outside_does_not_count(
    name: str, image: Tensor, reference: Tensor, roi: Tensor
) -> None:
    settings = {"backbone": network("squeezenet"), "padding": "up"} if name.startswith("deep") else {}
    metric = enhance.load_metric(name, **settings)
    assert torch.equal(metric(image, reference, torch.ones_like(roi)), metric(image, reference))
    outside = torch.where(roi > 0, reference, image)
    inside = torch.where(roi > 0, image, reference)
    assert metric(outside, reference, roi) < 0.5 * metric(inside, reference, roi)
    if name == "mse":
        expected = ((image - reference) * roi).square().sum() / (3 * roi.sum())
        assert torch.allclose(metric(image, reference, roi), expected)


def test_the_map_of_a_mask_sums_to_its_loss(image: Tensor, reference: Tensor, roi: Tensor) -> None:
    metric = enhance.DeepJSD(network("squeezenet"), padding="up", reduction="none")
    found = metric.map(image, reference, roi)
    assert torch.allclose(found.sum((1, 2)), metric(image, reference, roi), rtol=1e-4)


@pytest.mark.parametrize("coarse", [False, True])
def test_outside_the_mask_the_image_stays_as_it_was(coarse: bool) -> None:
    torch.manual_seed(0)
    reference, initial = torch.rand(2, 1, 3, 128, 130)
    mask = torch.zeros(1, 1, 128, 130)
    mask[..., 30:90, 20:100] = 1
    result = enhance.optimize(reference, initial, "mse", 8, mask=mask, coarse=coarse)
    outside = (mask == 0).expand_as(initial)
    assert torch.equal(result.image[outside], initial[outside])
    inside = ~outside
    before, after = ((each - reference)[inside].abs().mean() for each in (initial, result.image))
    assert after < before


def test_tiles_of_several_terms_and_a_mask(image: Tensor, reference: Tensor, roi: Tensor) -> None:
    terms = [Term(enhance.load_metric("mse")), Term(variation, 0.5)]
    whole, tiled = (Objective(terms, reference, roi, tile) for tile in (0, 16))
    assert tiled.tiles > 1
    moved = image.clone().requires_grad_()
    loss, values = tiled(moved)
    assert torch.autograd.grad(loss, moved)[0].isfinite().all()
    assert values[1] == variation(image)
    assert values[0] == pytest.approx(whole(image).terms[0].item(), rel=0.2)  # tiles overlap


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ([Term(variation)], "needs a metric"),
        ([Term(enhance.load_metric("mse")), Term(enhance.load_metric("mse"))], "different names"),
        ([Term(enhance.load_metric("mse"), 0)], "weight other than 0"),
        ([Term(enhance.load_metric("mse")), Term(lambda image: image)], "a tensor of one value"),
    ],
)
def test_terms_that_cannot_be_summed_are_refused(terms: list[Term], words: str, reference: Tensor) -> None:
    with pytest.raises(ValueError, match=words):
        Objective(terms, reference)(reference)


@pytest.mark.parametrize("weight", [float("inf"), float("nan"), True, "1"])
def test_a_weight_that_is_no_finite_number_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="finite number"):
        Term(variation, weight)


@pytest.mark.parametrize("mask", [torch.zeros(1, 1, 37, 50), torch.ones(1, 1, 37, 40), 2 * torch.ones(1, 1, 37, 50)])
def test_a_mask_that_cannot_be_is_refused(mask: Tensor, reference: Tensor) -> None:
    with pytest.raises(ValueError, match="mask"):
        Objective([Term(enhance.load_metric("mse"))], reference, mask)


def test_stages_weigh_in_the_gradient_and_not_in_the_value(
    image: Tensor, reference: Tensor, jsd: enhance.DeepJSD
) -> None:
    image.requires_grad_()
    exact, smoothed = jsd(image, reference), jsd.smoothed(100)(image, reference)
    assert torch.equal(exact, smoothed)
    (one,), (other,) = (torch.autograd.grad(loss, image) for loss in (exact, smoothed))
    assert not torch.allclose(one, other)
    (last,) = torch.autograd.grad(jsd.smoothed(0)(image, reference), image)
    assert torch.equal(one, last)


def test_the_rate_is_that_of_the_initial_image_and_of_the_optimizer(reference: Tensor, image: Tensor) -> None:
    def rate(initial: str | Tensor, optimizer: str = "adam") -> float:
        inputs = read_inputs(reference, initial, {})
        config = Config(metric=MetricConfig("mse"), steps=1)
        config.optimizer.name = optimizer
        return next(Optimization(config, [Term(enhance.load_metric("mse"))], inputs).steps()).learning_rate

    assert rate("white") > rate(image)
    assert rate("white", "lbfgs") == 1


@pytest.mark.parametrize("side", [8, 64])
def test_lbfgs_reaches_the_minimum_of_a_mean_however_many_pixels_it_is_over(side: int) -> None:
    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    steps = 6  # of a parabola, the first of which finds the scale
    found = enhance.optimize(image, metric="mse", steps=steps, optimizer="lbfgs", parametrization="pixels")
    assert found.best.psnr > 60


def test_a_score_that_the_mask_leaves_none_of_is_not_a_number() -> None:
    reference = torch.rand(1, 3, 48, 48)
    mask = torch.zeros(1, 1, 48, 48)
    mask[..., :24] = 1
    scores = [
        Objective([Term(enhance.load_metric(name))], reference, mask).score([0.5]) for name in ("vif", "ssim", "gmsd")
    ]
    assert [math.isnan(score) for score in scores] == [True, False, True]


def test_a_metric_that_only_is_recorded_has_no_graph() -> None:
    seen = []

    def watched(image: Tensor, reference: Tensor) -> Tensor:
        seen.append(torch.is_grad_enabled())
        return (image - reference).abs().mean((1, 2, 3))

    recorded = Term(enhance.as_metric(watched, name="recorded"), 0.0)
    objective = Objective([Term(enhance.load_metric("mse")), recorded], torch.rand(1, 3, 16, 16))
    image = torch.rand(1, 3, 16, 16, requires_grad=True)
    objective(image).loss.backward()
    assert seen[-1] is False
    assert image.grad is not None
