"""The public names and their arguments, written down: code of others rests on them, so they change on purpose only."""

from __future__ import annotations

import inspect
import pkgutil

import pytest

import enhance

_DISTANCE = "backbone weights layout prefilter reduction padding check_range autocast kernel seed model nodes"
_OPTIMIZE = (
    "reference initial metric steps callback objective mask learning_rate optimizer parametrization schedule stopping "
    "degradation log_loss smoothing size background range tile coarse seed device autocast tf32 deterministic progress"
)
_MINIMIZE = (
    "objective parametrization steps learning_rate optimizer schedule log_loss reset_moments smoothing tf32 resume"
)
_RESTORE = "image task degradation kernel factor reference denoiser weights coupling background range device callback"
CALLABLES = {
    "DeepJSD": _DISTANCE,
    "DeepSKLD": _DISTANCE,
    "DeepWSD": _DISTANCE,
    "DeepWSD.forward": "image reference mask",
    "DeepWSD.layers": "image reference mask",
    "DeepWSD.map": "image reference mask",
    "DeepWSD.prepare": "reference",
    "DeepWSD.score": "image reference mask",
    "DeepWSD.scores": "image reference mask",
    "DeepWSD.smoothed": "amount",
    "MeanScore": "metric options",
    "MeanScore.compute": "",
    "MeanScore.update": "preds target",
    "Objective": "terms reference mask tile",
    "Term": "function weight name",
    "Tiled": "metric size overlap",
    "as_backbone": "network name nodes mean std",
    "as_metric": "function name higher_is_better range best min_size reduction check_range",
    "degrade": "image name seed settings",
    "encode_once": "",
    "full_precision": "wanted",
    "jensen_shannon": "x y dim",
    "load_backbone": "name weights seed model nodes",
    "load_image": "path background range",
    "load_metric": "name settings",
    "meaning": "score metric",
    "minimize": _MINIMIZE,
    "optimize": _OPTIMIZE,
    "restore": _RESTORE,
    "save_image": "image path bits profile",
    "symmetric_kl": "x y dim",
    "wasserstein": "x y p dim",
}
OTHERS = {"BACKBONES", "METRICS", "Backbone", "Metric", "WeightsError", "__version__"}


def test_the_public_names() -> None:
    assert set(enhance.__all__) == OTHERS | {name for name in CALLABLES if "." not in name}
    assert len(set(enhance.__all__)) == len(enhance.__all__)
    assert dir(enhance) == sorted(enhance.__all__)
    with pytest.raises(AttributeError, match="'deepwsd'"):
        enhance.deepwsd  # noqa: B018


@pytest.mark.parametrize("name", list(CALLABLES))
def test_the_arguments_of_a_public_name(name: str) -> None:
    owner, _, method = name.partition(".")
    found = getattr(enhance, owner)
    signature = inspect.signature(getattr(found, method) if method else found)
    assert [parameter for parameter in signature.parameters if parameter != "self"] == CALLABLES[name].split()


def test_no_module_takes_the_place_of_a_public_name() -> None:
    """Importing `enhance.x` sets the attribute x of `enhance`."""
    assert not {module.name for module in pkgutil.iter_modules(enhance.__path__)} & set(enhance.__all__)
