"""Metrics inside other people's programs: moved, copied, saved, compiled, transformed, checkpointed, loaded by workers.

Metrics whose libraries can neither be compiled in one graph nor transformed by torch.func are `EAGER`.
"""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import pytest
import torch
from helpers import network
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, Dataset

import enhance
from enhance.backbones.trunk import load_trunk
from enhance.metrics.deep.distance import DeepDistance
from enhance.metrics.deep.named import DEEP_METRICS
from enhance.metrics.function import FunctionMetric
from enhance.metrics.loading import load_metric
from enhance.metrics.metric import BaseMetric
from enhance.metrics.registry import METRICS
from enhance.metrics.tiles import Tiled

PIQ = [name for name, row in METRICS.items() if row.target.startswith("piq:")]
EAGER = {"vif", *PIQ}  # VIF has hooks on what autograd saves, piq looks at the values of its inputs
SLOW = {"lpips_vgg": 16, "dists": 16, "iw_ssim": 161}  # in double precision: the side of images that suffice
QUICK = ("psnr", "ssim")  # the others compile in the same way, in up to minutes
TRACED = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in METRICS if name not in EAGER
]


@cache
def metric(name: str) -> Any:
    """A metric with embedded or untrained weights, shared: nobody may change it."""
    if name in DEEP_METRICS:
        return DEEP_METRICS[name](network("vgg_compact"))
    return load_metric(name, **({"weights": "untrained"} if METRICS[name].trunk else {}))


@cache
def pair(name: str, dtype: torch.dtype = torch.float32, side: int | None = None) -> tuple[Tensor, Tensor]:
    """An image and its reference, (2, 3, S, S) in (0, 1), about as small as the metric takes them."""
    side = side or max(32, METRICS[name].min_size) + 8
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, 3, 8, 8, generator=generator, dtype=torch.float64)
    reference = nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0.05, 0.95)
    noise = torch.randn(reference.shape, generator=generator, dtype=torch.float64)
    return (reference + 0.05 * noise).clamp(0.01, 0.99).to(dtype), reference.to(dtype)


def gradients(loss: Callable[..., Tensor], *inputs: Tensor) -> tuple[Tensor | None, ...]:
    leaves = [each.detach().clone().requires_grad_() for each in inputs]
    loss(*leaves).backward()
    return tuple(leaf.grad for leaf in leaves)


def check_gradients(loss: Callable[[Tensor, Tensor], Tensor], image: Tensor, reference: Tensor) -> None:
    """The gradients give the derivative of the loss along one direction of both images, in double precision."""
    generator = torch.Generator().manual_seed(1)
    directions = [torch.randn(image.shape, generator=generator, dtype=image.dtype) for _ in range(2)]
    found = gradients(loss, image, reference)
    step = 1e-6
    ahead, behind = (
        loss(image + sign * step * directions[0], reference + sign * step * directions[1]).item() for sign in (1, -1)
    )
    for grad in found:
        assert grad is not None
        assert grad.any()
    derivative = sum((grad * direction).sum().item() for grad, direction in zip(found, directions, strict=True))  # type: ignore[operator]
    assert derivative == pytest.approx((ahead - behind) / (2 * step), rel=0.03)  # kinks lie on the way


@cache
def value(name: str) -> Tensor:
    """The loss of the pair by the shared metric."""
    return metric(name)(*pair(name))


@cache
def expected_gradient(name: str) -> Tensor:
    """Its gradient in the image."""
    image, reference = pair(name)
    (found,) = gradients(lambda x: metric(name)(x, reference), image)
    assert found is not None
    return found


@pytest.mark.parametrize("name", METRICS)
def test_both_images_have_a_gradient(name: str) -> None:
    double = copy.deepcopy(metric(name)).double()
    if name in ("dss", "srsim"):  # which compute in part in single precision
        for grad in gradients(double, *pair(name, torch.float64)):
            assert grad is not None
            assert grad.any()
    else:
        count = 1 if name in SLOW else 2
        check_gradients(double, *(each[:count] for each in pair(name, torch.float64, SLOW.get(name))))


def test_a_function_has_a_gradient_in_both_images() -> None:
    ratio = enhance.as_metric(lambda image, reference: ((image + 1) / (reference + 1)).log().square().mean((1, 2, 3)))
    check_gradients(ratio.double(), *pair("mae", torch.float64))


@pytest.mark.parametrize("name", ["mse", "ssim"])
def test_tiles_and_masks_have_a_gradient_in_both_images(name: str) -> None:
    image, reference = pair(name, torch.float64)
    mask = torch.zeros(1, 1, *image.shape[-2:], dtype=torch.float64)
    mask[..., 5:, 5:] = 0.7
    double = copy.deepcopy(metric(name)).double()
    tiled = Tiled(double, 24, 4)
    for loss in (tiled, lambda *images: double(*images, mask), lambda *images: tiled(*images, mask)):
        check_gradients(loss, image, reference)


def test_tiles_give_one_reference_of_a_batch_the_sum_of_its_gradients() -> None:
    image, reference = pair("mse", torch.float64)
    tiled = Tiled(load_metric("mse").to(torch.float64), 24, 4)
    (alone,) = gradients(lambda one: tiled(image, one), reference[:1])
    (each,) = gradients(lambda both: tiled(image, both), reference[:1].repeat(2, 1, 1, 1))
    assert alone is not None
    assert each is not None
    torch.testing.assert_close(alone, each.sum(0, keepdim=True))


def test_tiles_refuse_a_reference_of_another_size() -> None:
    with pytest.raises(ValueError, match="image is 40 x 40 but reference is 48 x 48"):
        Tiled(metric("mse"), 24, 4)(torch.rand(1, 3, 40, 40), torch.rand(1, 3, 48, 48))


@pytest.mark.parametrize("name", METRICS)
def test_a_copy_a_pickle_and_a_saved_file_give_the_same_value(name: str) -> None:
    given, images = metric(name), pair(name)
    saved = io.BytesIO()
    torch.save(given, saved)
    saved.seek(0)
    copies = [
        copy.copy(given),
        copy.deepcopy(given),
        pickle.loads(pickle.dumps(given)),
        torch.load(saved, weights_only=False),
    ]
    for again in copies:
        assert torch.equal(again(*images), value(name))
        assert again.describe() == given.describe()


@pytest.mark.parametrize("name", METRICS)
def test_it_moves_to_another_precision_and_back(name: str) -> None:
    given = copy.deepcopy(metric(name))
    double = given.double()(*pair(name, torch.float64))
    assert (given.dtype, double.dtype) == (torch.float64, torch.float64)
    torch.testing.assert_close(double.float(), value(name), rtol=1e-3, atol=1e-6)
    assert torch.equal(given.to(torch.float32)(*pair(name)), value(name))


def test_two_metrics_on_one_backbone_move_apart_and_meet_again() -> None:
    backbone = network("vgg_compact")
    one, other, third = (enhance.DeepJSD(backbone) for _ in range(3))
    smoothed = one.smoothed(0.1)
    one.double()
    assert [each.dtype for each in (one, other, third, smoothed)] == [torch.float64, *[torch.float32] * 3]
    assert next(backbone.parameters()).dtype == torch.float32
    images = pair("deepjsd")
    for each in (other, smoothed):
        each(*images)
    assert other.double().backbone is one.backbone  # one pass serves both, as before
    with torch.no_grad():
        next(backbone.parameters()).add_(0.1)
    try:
        assert third.double().backbone is not one.backbone  # the weights are others
    finally:
        with torch.no_grad():
            next(backbone.parameters()).sub_(0.1)


def test_what_does_not_move_is_not_copied() -> None:
    given = enhance.DeepJSD(network("vgg_compact"))
    before = given.backbone
    assert given.to("cpu", torch.float32).backbone is before
    channels_last = given.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert channels_last.backbone is not before


class Model(nn.Module):
    """What users write: a network that learns, beside the loss that teaches it."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.loss = nn.Conv2d(3, 3, 3, padding=1), loss

    def forward(self, image: Tensor, reference: Tensor) -> Tensor:
        return self.loss(torch.sigmoid(self.layer(image)), reference)


@pytest.mark.parametrize("name", ["deepjsd", "lpips", "ssim"])
def test_a_checkpoint_of_a_model_holds_nothing_of_its_metric(name: str) -> None:
    model = Model(copy.deepcopy(metric(name)))
    assert not metric(name).state_dict()
    assert list(model.state_dict()) == ["layer.weight", "layer.bias"]
    assert all(parameter.requires_grad == key.startswith("layer") for key, parameter in model.named_parameters())
    expected = model(*pair(name))
    again = Model(copy.deepcopy(metric(name)))
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(*pair(name)), expected)
    assert torch.equal(again.loss(*pair(name)), metric(name)(*pair(name)))
    with pytest.raises(RuntimeError, match=r"Unexpected key.*loss\.more"):
        again.load_state_dict(model.state_dict() | {"loss.more": torch.zeros(1)})


@pytest.mark.parametrize("name", ["deepjsd", "lpips"])
def test_a_metric_does_not_take_the_initialisation_of_a_model(name: str) -> None:
    model = Model(copy.deepcopy(metric(name)))
    expected = model.loss(*pair(name))
    model.apply(lambda module: nn.init.zeros_(module.weight) if isinstance(module, nn.Conv2d) else None)  # type: ignore[arg-type]
    assert not model.layer.weight.any()
    assert torch.equal(model.loss(*pair(name)), expected)


@pytest.mark.parametrize("name", ["deepjsd", "lpips", "ssim"])
def test_data_parallel(name: str, device: torch.device) -> None:
    given = copy.deepcopy(metric(name)).to(device)
    images = [each.to(device) for each in pair(name)]
    parallel = nn.DataParallel(given)
    torch.testing.assert_close(parallel(*images).mean(), given(*images))


def test_a_replica_knows_where_it_is() -> None:
    replica = cast(DeepDistance, metric("deepjsd")._replicate_for_data_parallel())  # which has buffers, no parameters
    assert not replica._parameters
    assert (replica.device, replica.dtype) == (torch.device("cpu"), torch.float32)


@pytest.fixture
def _fresh_compiler() -> None:
    torch.compiler.reset()


@pytest.mark.usefixtures("_fresh_compiler")
@pytest.mark.parametrize("name", TRACED)
def test_it_compiles_in_one_graph(name: str) -> None:
    given, images = metric(name), pair(name)
    compiled = torch.compile(given, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(*images), value(name))
    (found,) = gradients(lambda x: compiled(x, images[1]), images[0])
    torch.testing.assert_close(found, expected_gradient(name))


@pytest.mark.usefixtures("_fresh_compiler")
def test_what_has_no_single_graph_compiles_in_pieces() -> None:
    given, images = metric("gmsd"), pair("gmsd")
    torch.testing.assert_close(torch.compile(given, backend="aot_eager")(*images), given(*images))


@pytest.mark.slow
@pytest.mark.usefixtures("_fresh_compiler")
def test_tiles_masks_and_prepared_references_compile_in_one_graph() -> None:
    images = pair("mae")
    mask = torch.zeros(1, 1, 40, 40)
    mask[..., 4:30, 4:30] = 1
    mae, deep = metric("mae"), metric("deepjsd")
    target = deep.prepare(images[1])
    for function in (
        Tiled(mae, 24, 4),
        lambda image, reference: mae(image, reference, mask),
        lambda image, _: deep(image, target),
    ):
        compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(*images), function(*images))
        (found,), (expected,) = (gradients(lambda x, f=f: f(x, images[1]), images[0]) for f in (compiled, function))
        torch.testing.assert_close(found, expected)


def trained(name: str, compiled: bool) -> list[Tensor]:
    """The parameters after three steps of training."""
    model = Model(metric(name))
    optimizer = torch.optim.Adam(model.layer.parameters())
    images = pair(name)

    def step() -> None:
        optimizer.zero_grad()
        model(*images).backward()
        optimizer.step()

    run = torch.compile(step, backend="aot_eager") if compiled else step
    for _ in range(3):
        run()
    return [parameter.detach() for parameter in model.layer.parameters()]


@pytest.mark.usefixtures("_fresh_compiler")
@pytest.mark.parametrize("name", ["ssim", pytest.param("deepjsd", marks=pytest.mark.slow)])
def test_a_whole_training_step_compiles(name: str) -> None:
    torch.testing.assert_close(trained(name, compiled=True), trained(name, compiled=False))


@pytest.mark.slow
@pytest.mark.usefixtures("_fresh_compiler")
@pytest.mark.parametrize("name", ["deepwsd", "deepjsd", "deepskld", "ssim"])
def test_the_default_compiler_gives_the_same_loss_and_gradient(name: str) -> None:
    model, images = Model(metric(name)), pair(name)
    compiled = torch.compile(model, fullgraph=True)
    torch.testing.assert_close(compiled(*images), model(*images), rtol=1e-4, atol=1e-5)
    found, expected = ([*torch.autograd.grad(f(*images), [*model.layer.parameters()])] for f in (compiled, model))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in METRICS if name not in EAGER])
def test_torch_func_differentiates_it_and_maps_over_it(name: str) -> None:
    given, (image, reference) = metric(name), pair(name)
    expected = gradients(given, image, reference)
    found = torch.func.grad(given, argnums=(0, 1))(image, reference)
    torch.testing.assert_close(found, expected)

    def alone(image: Tensor, reference: Tensor) -> Tensor:
        return given(image[None], reference[None])

    torch.testing.assert_close(torch.func.vmap(alone)(image, reference), given.losses(image, reference))
    each = torch.func.vmap(torch.func.grad(alone))(image, reference)
    torch.testing.assert_close(each / len(image), found[0], rtol=1e-4, atol=1e-7)


def test_torch_func_sees_through_tiles_and_masks() -> None:
    (image, reference), mask = pair("mse"), torch.ones(2, 1, 40, 40)
    mask[:, :, :9] = 0.5
    tiled = Tiled(metric("mse"), 24, 4)
    torch.testing.assert_close(
        torch.func.grad(tiled)(image, reference), gradients(lambda x: tiled(x, reference), image)[0]
    )

    def alone(image: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
        return metric("mse")(image[None], reference[None], mask[None])

    mapped = torch.func.vmap(alone)(image, reference, mask)
    torch.testing.assert_close(mapped, metric("mse").losses(image, reference, mask))


@pytest.mark.parametrize("name", TRACED)
def test_it_exports(name: str) -> None:
    given, images = metric(name), pair(name)
    program = torch.export.export(given, images, strict=False)
    torch.testing.assert_close(program.module()(*images), value(name))


@pytest.mark.parametrize("name", METRICS)
def test_a_checkpointed_loss_has_the_same_gradient(name: str) -> None:
    given, (image, reference) = metric(name), pair(name)
    saving = gradients(lambda x: cast(Tensor, checkpoint(given, x, reference, use_reentrant=False)), image)
    torch.testing.assert_close(saving, (expected_gradient(name),))


@pytest.mark.parametrize("name", METRICS)
def test_the_layout_in_memory_changes_nothing(name: str) -> None:
    given, (image, reference) = metric(name), pair(name)
    expected = given.losses(image, reference)
    turned = [each.transpose(-1, -2).contiguous().transpose(-1, -2) for each in (image, reference)]
    last = [each.contiguous(memory_format=torch.channels_last) for each in (image, reference)]
    for images in (turned, last):
        torch.testing.assert_close(given.losses(*images), expected, rtol=1e-4, atol=1e-6)
    one = given.losses(image[:1], reference[:1])
    expanded = given.losses(image[:1].expand(2, -1, -1, -1), reference[:1].expand(2, -1, -1, -1))
    torch.testing.assert_close(expanded, one.expand(2), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", METRICS)
def test_a_reference_may_come_from_inference_mode(name: str) -> None:
    given, (image, reference) = metric(name), pair(name)
    with torch.inference_mode():
        made, prepared = reference.clone(), given.prepare(reference)
        assert made.is_inference()
    for target in (made, prepared):
        torch.testing.assert_close(
            gradients(lambda x, target=target: given(x, target), image), (expected_gradient(name),)
        )
    with torch.inference_mode():
        torch.testing.assert_close(given(image, made), value(name))


class References(Dataset[Any]):
    """Prepares its references in the workers of a DataLoader."""

    def __init__(self, metric: BaseMetric | FunctionMetric, references: Tensor) -> None:
        self.metric, self.references = cast(Any, metric), references

    def __len__(self) -> int:
        return len(self.references)

    def __getitem__(self, index: int) -> Any:
        return self.metric.prepare(self.references[index : index + 1])


def test_references_prepared_by_workers_are_accepted() -> None:
    given, (image, reference) = metric("deepwsd"), pair("deepwsd")
    loader = DataLoader(
        References(given, reference), batch_size=None, num_workers=1, multiprocessing_context="forkserver"
    )
    values = [given(image[index : index + 1], target) for index, target in enumerate(loader)]
    torch.testing.assert_close(torch.stack(values), given.losses(image, reference), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", DEEP_METRICS)
def test_a_prepared_reference_outlives_the_metric_that_made_it(name: str) -> None:
    given, (image, reference) = metric(name), pair(name)
    target = given.prepare(reference)
    expected = given(image, target)
    for again in (copy.deepcopy(target), pickle.loads(pickle.dumps(target))):
        assert torch.equal(copy.deepcopy(given)(image, again), expected)
    assert len(pickle.dumps(target)) < len(pickle.dumps(given)) + 20 * reference.numel() * 64  # no network in it
    with pytest.raises(ValueError, match="prepared by another metric"):
        DEEP_METRICS[name](network("squeezenet"))(image, target)


def test_weights_changed_in_place_need_a_new_prepared_reference() -> None:
    image, reference = pair("deepjsd")
    backbone = enhance.load_backbone("squeezenet", "untrained")
    given = enhance.DeepJSD(backbone, prefilter=False)
    target = given.prepare(reference)
    same = pickle.loads(pickle.dumps(given))
    torch.testing.assert_close(same(image, target), given(image, target))
    moved = given.double().float()
    assert moved.fingerprint == same.fingerprint
    with torch.no_grad():
        next(backbone.parameters()).mul_(1.5)
    with pytest.raises(ValueError, match="prepare it with the one that compares"):
        enhance.DeepJSD(backbone, prefilter=False)(image, target)
    edited = enhance.DeepJSD(backbone, prefilter=False)
    assert copy.deepcopy(edited).fingerprint == edited.fingerprint != same.fingerprint
    backbone.double().float()
    assert edited.fingerprint != same.fingerprint


def _under_meta(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.device("meta"):
        return build()


def _without_gradients(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.inference_mode():
        return build()


def _emptied(build: Callable[[], nn.Module]) -> nn.Module:
    model = nn.Sequential(nn.Conv2d(3, 3, 3), build())
    return model.to_empty(device="cpu")[1]


def _in_another_precision(build: Callable[[], nn.Module]) -> nn.Module:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        return build()
    finally:
        torch.set_default_dtype(before)


@pytest.mark.parametrize("built", [_under_meta, _without_gradients, _emptied, _in_another_precision])
@pytest.mark.parametrize("name", ["deepwsd", "deepjsd", "lpips", "ssim", "gmsd"])
def test_a_metric_built_within_a_large_model_has_its_weights(
    name: str, built: Callable[[Callable[[], nn.Module]], nn.Module]
) -> None:
    def build() -> BaseMetric:
        trunk = {"trunk": load_trunk("alexnet", "untrained")} if name == "lpips" else {}
        return load_metric(name, **trunk)  # type: ignore[return-value]

    image, reference = pair(name)
    image = image.clone().requires_grad_()
    loss = built(build)(image, reference)
    loss.backward()
    torch.testing.assert_close(loss, build()(image, reference))
    assert image.grad is not None
    assert image.grad.isfinite().all()
