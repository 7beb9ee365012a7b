"""The command line: every typo ends in one sentence, every file name comes through."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from enhance.cli.overrides import checked, quote_files
from enhance.config.paths import home
from enhance.config.schema import SettingsError


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["stepz=5"], "no setting 'stepz'; did you mean 'steps'"),
        (["task=denois"], "no task 'denois'; did you mean 'denoise'"),
        (["metric=deepwds"], "did you mean 'deepwsd'"),
        (["metric=deepwsd,deepjsb"], "did you mean 'deepjsd'"),
        (["backbone.weigths=untrained"], "did you mean 'backbone.weights'"),
        (["optimizer.lr=0.1"], "optimizer.learning_rate"),
        (["task=denoise", "degradation.sigmaa=3"], "did you mean 'degradation.sigma'"),
        (["recipes=white"], "no recipe 'white'"),
        (["task=null"], "no task 'null'"),
        (["+foo=3"], "no setting 'foo'"),
        (["hydra.foo=3"], "no setting 'hydra.foo'"),
        (["steps=abc"], "steps=abc"),
        (["steps=0"], "at least 1"),
        (["steps=-3"], "at least 1"),
        (["steps=3,0"], "at least 1"),
        (["steps=1e12"], "steps=1e12"),
        (["size=4"], "at least 8"),
        (["optimizer.learning_rate=-1"], "positive"),
        (["optimizer.learning_rate=nan"], "finite"),
        (["optimizer.betas=[0.9]"], "two numbers"),
        (["autocast=int8"], "null or bfloat16"),
        (["autocast=float16"], "null or bfloat16"),
        (["frames.spacing=random"], "geometric or fixed"),
        (["schedule.warmup=300"], "less than steps"),
        (["words"], "write it as key=value"),
        (["jpeg"], "did you mean task=jpeg?"),
        (["score"], "did you mean task=score?"),
        (["coffee"], "did you mean reference=coffee?"),
        (["photo.png"], "write it as key=value"),
        (["reference=[a"], "Cannot read the argument"),
        (["backbone.seed=99999999999999999999999"], "at most"),
        (["hydra.verbose=3"], "hydra.verbose=3 must be"),
        (["compile=-1"], "compile=-1 must be true or false"),
        (["optimizer.log_loss=2"], "optimizer.log_loss=2 must be true or false"),
    ],
)
def test_a_mistake_gets_one_sentence(arguments: list[str], sentence: str) -> None:
    with pytest.raises(SettingsError) as error:
        checked(arguments)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name",
    [
        "plain.png",
        "my photo.png",
        "a=b.png",
        "it's.png",
        'quo"te.png',
        "été (1).png",
        "a,b.png",
        "[x].png",
        "back\\slash.png",
        "$x.png",
        "a~b.png",
        " x.png",
        "x.png ",
        "'x'.png",
        "007",
        "1e5",
        "true",
        "${oc.env:HOME}.png",
    ],
)
def test_any_file_name_reaches_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / name, Path(name)):
        path.touch()
        arguments = quote_files([f"reference={path}"])
        checked(arguments)
        with initialize_config_dir(str(home() / "conf"), version_base="1.3"):
            assert compose("config", arguments).reference == str(path)


def test_a_sweep_over_files_stays_a_sweep() -> None:
    assert quote_files(["reference=astronaut,coffee", "initial=white,grey"]) == [
        "reference=astronaut,coffee",
        "initial=white,grey",
    ]
