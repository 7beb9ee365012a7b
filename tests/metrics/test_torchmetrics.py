"""The torchmetrics wrapper: means over batches, states that merge, and nothing of the backbone in them."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from helpers import network
from matplotlib import pyplot
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.image import PeakSignalNoiseRatio

import enhance
from enhance.metrics.deep.distance import DeepDistance


@pytest.fixture(scope="module")
def distance() -> DeepDistance:
    return enhance.DeepJSD(network("squeezenet"), reduction="sum")


@pytest.fixture
def there(device: torch.device) -> DeepDistance:
    """On every device that is here."""
    return enhance.DeepJSD(network("squeezenet", device=device), reduction="sum")


@pytest.fixture
def batch(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Five images and their references."""
    reference = torch.rand(5, 3, 24, 27, generator=generator)
    strength = torch.linspace(0, 0.4, 5)[:, None, None, None]
    return (reference + strength * torch.randn(reference.shape, generator=generator)).clamp(0, 1), reference


def expected(distance: DeepDistance, image: Tensor, reference: Tensor) -> float:
    scores = [distance.score(*pair).item() for pair in zip(image.split(1), reference.split(1), strict=True)]
    return sum(scores) / len(scores)


def test_it_is_the_mean_score_of_all_images_of_all_batches(
    there: DeepDistance, batch: tuple[Tensor, Tensor], device: torch.device
) -> None:
    distance, metric = there, enhance.MeanScore(there).to(device)
    image, reference = (images.to(device) for images in batch)
    value = metric(image[:2], reference[:2])  # the batch's own
    assert value.item() == pytest.approx(expected(distance, image[:2], reference[:2]), rel=1e-4)
    assert value.device.type == device.type
    assert not value.requires_grad
    metric.update(image[2:], reference[2:])
    assert metric.compute().item() == pytest.approx(expected(distance, image, reference), rel=1e-4)
    metric.reset()
    metric.update(image[4:], distance.prepare(reference[4:]))
    assert metric.compute().item() == pytest.approx(expected(distance, image[4:], reference[4:]), rel=1e-4)


def test_states_of_two_processes_merge(distance: DeepDistance, batch: tuple[Tensor, Tensor]) -> None:
    image, reference = batch
    one, other = (enhance.MeanScore(distance) for _ in range(2))
    one.update(image[:1], reference[:1])
    other.update(image[1:], reference[1:])
    theirs = iter([other.total, other.images, other.settings])
    synchronised = enhance.MeanScore(
        distance,
        dist_sync_fn=lambda state, group: [state, next(theirs)],
        distributed_available_fn=lambda: True,
    )
    synchronised.update(image[:1], reference[:1])
    whole = pytest.approx(expected(distance, image, reference), rel=1e-4)
    assert synchronised.compute() == whole
    one.merge_state(other)
    assert one.compute() == whole


def test_equal_images_first_do_not_tie_a_collection_together(
    distance: DeepDistance, batch: tuple[Tensor, Tensor]
) -> None:
    image, reference = batch
    spatial = enhance.DeepJSD(distance.backbone, layout="spatial")
    divergence = enhance.DeepSKLD(distance.backbone)
    metrics = {"strided": distance, "spatial": spatial, "skld": divergence}
    running = {name: enhance.MeanScore(each) for name, each in metrics.items()}
    collection = MetricCollection({**running, "psnr": PeakSignalNoiseRatio(data_range=1.0)})
    collection.update(reference, reference)
    collection.update(image, reference)
    values = collection.compute()
    assert values.pop("psnr") > 10
    for name, each in metrics.items():
        assert values[name] == pytest.approx(expected(each, image, reference) / 2, rel=1e-4)


def test_the_backbone_is_no_state_and_moves_along(distance: DeepDistance, batch: tuple[Tensor, Tensor]) -> None:
    metric = enhance.MeanScore(copy.deepcopy(distance))
    assert not any(parameter.requires_grad for parameter in metric.parameters())
    assert not metric.state_dict()
    metric.persistent(True)
    assert set(metric.state_dict()) == {"total", "images", "settings"}
    metric.update(*batch)
    for other in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric)), metric.clone()):
        assert other.compute() == metric.compute()
    metric.to("meta")
    assert metric.metric.device == metric.total.device == torch.device("meta")


def test_an_unknown_metric_and_a_batch_out_of_range_are_refused(
    distance: DeepDistance, batch: tuple[Tensor, Tensor]
) -> None:
    with pytest.raises(ValueError, match="did you mean 'deepjsd'"):
        enhance.MeanScore("deepjds")
    metric = enhance.MeanScore(distance)
    with pytest.raises(ValueError, match="Divide by 255"):
        metric.update(batch[0] * 255, batch[1])
    assert metric.images == 0


def test_torchmetrics_own_declarations() -> None:
    metric = enhance.MeanScore("deepskld")
    assert metric.metric.describe()["backbone"]["name"] == "vgg_compact"
    assert not metric.higher_is_better
    assert not metric.is_differentiable


def test_it_draws_its_value(distance: DeepDistance, batch: tuple[Tensor, Tensor]) -> None:
    metric = enhance.MeanScore(distance)
    metric.update(*batch)
    figure, axes = metric.plot()
    try:
        ((value,),) = [line.get_ydata() for line in axes.lines if line.get_marker() == "o"]
        assert float(value) == pytest.approx(metric.compute().item())
        assert axes.get_ylim()[0] <= 0 <= value  # the lower bound is in sight
    finally:
        pyplot.close(figure)


def test_a_device_without_double_precision_sums_in_single(
    batch: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enhance.metrics.torchmetrics._SINGLE", ("cpu",))
    quality, other = (enhance.MeanScore("mse") for _ in range(2))
    quality.to("cpu").update(*batch)
    assert quality.total.dtype == torch.float32
    quality.reset()
    assert quality.total.dtype == torch.float32
    other.update(*batch)
    quality.update(*batch)
    torch.testing.assert_close(quality.compute(), other.compute())
