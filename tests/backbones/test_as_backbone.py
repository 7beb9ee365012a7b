"""A user's network as a backbone: from stages, from outputs, from nodes; and a trunk for LPIPS and DISTS."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from enhance.backbones.network import as_backbone
from enhance.backbones.trunk import load_trunk
from enhance.metrics.deep.named import DeepJSD
from enhance.utils.weights import WeightsError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.Conv2d(64, 64, 3, 2, 1), nn.ReLU())
    return nn.Sequential(*layers)


class Pyramid(nn.Module):
    """What `timm.create_model(..., features_only=True)` is like: all feature maps in one call."""

    def __init__(self, kind: type) -> None:
        super().__init__()
        self.layers, self.kind = network(), kind

    def forward(self, x: Tensor) -> Any:
        first = self.layers[:3](x)
        maps = [first, self.layers[3:](first)]
        return dict(zip("ab", maps, strict=True)) if self.kind is dict else self.kind(maps)


def test_stages_outputs_and_nodes_give_the_same_maps() -> None:
    layers, image = network(), torch.rand(2, 3, 21, 30)
    expected = as_backbone([layers[:3], layers[3:]], "mine")(image)
    normalised = layers.eval()[:3](image)
    assert torch.equal(expected[0], normalised)
    ways = [as_backbone(nn.ModuleList([layers[:3], layers[3:]]), "mine"), as_backbone(layers, "mine", nodes=["2", "4"])]
    ways += [as_backbone(Pyramid(kind), "mine") for kind in (list, tuple, dict)]
    for backbone in ways:
        assert all(torch.equal(*maps) for maps in zip(backbone(image), expected, strict=True))
    (last,) = as_backbone(layers, "mine")(image)
    assert torch.equal(last, expected[1])


def test_mean_and_std_normalise_the_image() -> None:
    layers, image = network(), torch.rand(1, 3, 16, 16)
    backbone = as_backbone([layers], "mine", mean=MEAN, std=STD)
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    assert torch.allclose(backbone(image)[0], layers.eval()((image - mean) / std), atol=1e-6)
    assert backbone.double()(image.double())[0].dtype == torch.float64
    assert as_backbone([layers.bfloat16()], "mine", mean=MEAN)(image.bfloat16())[0].dtype == torch.bfloat16


def test_the_network_of_the_user_stays_as_it_is() -> None:
    layers = network().train()
    backbone = as_backbone(layers, "mine", nodes=["2"])
    assert layers.training
    assert all(parameter.requires_grad for parameter in layers.parameters())
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    assert not any(module.training for module in backbone.modules())
    with torch.no_grad():
        next(layers.parameters()).zero_()
    assert backbone(torch.rand(1, 3, 16, 16))[0].std() > 0


def test_the_origin_tells_weights_and_normalisation_apart() -> None:
    same, again = (as_backbone([network()], "mine").origin for _ in range(2))
    assert same == again
    assert (same.weights, same.name, len(same.sha256), same.pretrained) == ("module", "mine", 64, True)
    other = as_backbone([network()], "mine", mean=MEAN).origin
    assert other.sha256 != same.sha256


def test_a_metric_takes_it() -> None:
    layers = network()
    metric = DeepJSD(as_backbone([layers[:3], layers[3:]], "mine", mean=MEAN, std=STD))
    image = torch.rand(1, 3, 32, 32, requires_grad=True)
    loss = metric(image, torch.rand(1, 3, 32, 32))
    loss.backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("given", "settings", "sentence"),
    [
        ([], {}, "must be a torch.nn.Module or a list"),
        ([nn.Conv2d(3, 4, 1), print], {}, "must be a torch.nn.Module or a list"),
        ([nn.ReLU()], {}, "mine has no parameters"),
        ([nn.Conv2d(3, 4, 1)], {"nodes": ["0"]}, "nodes go with one network"),
        (nn.Sequential(nn.Conv2d(3, 4, 1)), {"nodes": ["conv"]}, "There is no node of mine 'conv'"),
        (nn.Conv2d(3, 4, 1), {"mean": (0.5, 0.5)}, "mean=.* must be three numbers"),
        (nn.Conv2d(3, 4, 1), {"std": (1, 1, 0)}, "std=.* must be three positive numbers"),
    ],
)
def test_what_is_no_backbone_gets_a_sentence(given: Any, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        as_backbone(given, "mine", **settings)


def test_an_output_that_is_no_feature_map_gets_a_sentence() -> None:
    with pytest.raises(ValueError, match="is no feature map"):
        as_backbone(nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten()), "mine")(torch.rand(1, 3, 8, 8))
    with pytest.raises(ValueError, match="cannot take a 8 x 9 image"):
        as_backbone(nn.Conv2d(4, 4, 1), "mine")(torch.rand(1, 3, 9, 8))


@pytest.mark.parametrize("name", ["alexnet", "squeezenet1_1", "vgg16"])
def test_a_trunk_fits_the_features_of_torchvision(name: str, tmp_path: Any) -> None:
    with torch.device("meta"):
        features: Any = torchvision.models.get_model(name, weights=None).features
    state = load_trunk(name, "untrained", seed=1)[0].state_dict()
    features.load_state_dict(state, assign=True)
    torch.save({f"features.{key}": value for key, value in state.items()}, tmp_path / "whole.pth")
    assert all(
        torch.equal(value, state[key])
        for key, value in load_trunk(name, tmp_path / "whole.pth")[0].state_dict().items()
    )
    assert not torch.equal(load_trunk(name, "untrained", seed=2)[0].state_dict()["0.weight"], state["0.weight"])


def test_a_trunk_that_cannot_be_had_gets_a_sentence(tmp_path: Any) -> None:
    with pytest.raises(WeightsError, match="no weights file"):
        load_trunk("alexnet", tmp_path / "none.pth")
