"""The embedded backbone: what it is, that its file is the one of the release, and sentences where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from enhance.backbones import compact
from enhance.backbones.network import load
from enhance.backbones.pooling import L2Pooling
from enhance.utils.hashes import hash_file
from enhance.utils.weights import WeightsError


def test_the_file_is_that_of_the_release_and_has_a_card() -> None:
    assert hash_file(compact.FILE) == compact.SHA256
    assert compact.FILE.stat().st_size <= 4e6
    assert compact.SHA256 in compact.FILE.with_suffix(".md").read_text()


def test_five_stages_of_filters_relu_and_l2_pooling() -> None:
    backbone = load("vgg_compact")
    assert sum(p.numel() for p in backbone.parameters()) <= 1.5e6
    assert sum(isinstance(module, L2Pooling) for module in backbone.modules()) == 4
    sizes = [tuple(level.shape[1:]) for level in backbone(torch.rand(1, 3, 64, 48))]
    assert sizes == [(64, 32, 24), (64, 32, 24), (128, 16, 12), (192, 8, 6), (256, 4, 3)]
    assert all(level.min() >= 0 for level in backbone(torch.rand(1, 3, 33, 17)))


def test_embedded_weights_that_are_missing_or_changed_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = compact.FILE.read_bytes()
    for name, data, sentence in (
        ("missing", None, "are missing from the installation"),
        ("truncated", whole[:100_000], "are damaged or were changed"),
        ("changed", whole[:-1] + bytes([whole[-1] ^ 1]), "are damaged or were changed"),
        ("empty", b"", "are damaged or were changed"),
    ):
        file = tmp_path / f"{name}.safetensors"
        if data is not None:
            file.write_bytes(data)
        monkeypatch.setattr(compact, "FILE", file)
        with pytest.raises(WeightsError, match=sentence) as error:
            load("vgg_compact")
        assert "install enhance again" in str(error.value)
        assert "\n" not in str(error.value)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    state = {key: value.clone() for key, value in compact.build(seed=3).state_dict().items()}
    save_file(state, tmp_path / "student.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "student.safetensors").read_bytes()[:9000])
    save_file({"0.0.weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    image = torch.rand(1, 3, 16, 16)
    own = load("vgg_compact", tmp_path / "student.safetensors")
    assert torch.equal(own(image)[-1], load("vgg_compact", "untrained", seed=3)(image)[-1])
    with pytest.raises(WeightsError, match="cannot be read"):
        load("vgg_compact", tmp_path / "cut.safetensors")
    with pytest.raises(WeightsError, match="does not fit vgg_compact"):
        load("vgg_compact", tmp_path / "other.safetensors")
