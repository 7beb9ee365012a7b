"""What --hydra-help lists works here too."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Ended

Enhance = Callable[..., Ended]
QUICK = ("metric=mse", "size=16", "steps=2", "frames.count=2", "threads=1", "figures=false")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cfg", "job"), "learning_rate: null"),
        (("--cfg=hydra",), "searchpath"),
        (("-c", "all"), "hydra:"),
        (("steps=7", "--cfg", "job", "--package", "optimizer"), "# @package optimizer"),
        (("--cfg", "hydra", "-p", "hydra.run"), "enhance.folder"),
        (("--cfg", "job", "--resolve"), "task:"),
        (("--info",), "Hydra 1."),
        (("--info", "defaults"), "Defaults List"),
        (("-i", "defaults-tree"), "metric: deepwsd"),
        (("--info", "config"), "Config search path"),
        (("--info", "plugins"), "BasicLauncher"),
        (("--info", "searchpath"), "Provider"),
        (("--hydra-help",), "--shell-completion"),
        (("-sc", "install=bash"), "hydra_bash_completion"),
        (("--shell-completion", "uninstall=bash"), "unset hydra_bash_completion"),
        (("-sc", "install=fish"), "complete"),
        (("metric=mse", "--cfg", "job", "steps=7"), "steps: 7"),  # settings on both sides of a flag
    ],
)
def test_what_is_shown(words: tuple[str, ...], said: str, enhance: Enhance, tmp_path: Path) -> None:
    ended = enhance(*words)
    assert (ended.code, ended.err) == (0, "")
    assert said in ended.out
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_words_are_completed(enhance: Enhance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_LINE", "enhance metric=deep")
    monkeypatch.setenv("COMP_POINT", "19")
    assert enhance("-sc", "query=bash").out.split() == ["metric=deepjsd", "metric=deepskld", "metric=deepwsd"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--resolve",), "can only be used in conjunction with --cfg"),
        (("--cfg", "hydra", "--resolve"), "--cfg all --resolve"),
        (("-m", "optimizer.learning_rate=interval(0.1,0.2)"), "is for a sweeper that chooses values itself"),
        (("seed=1,2",), "add -m to sweep over them"),
        (("-m", "seed=range(10,50,0)"), "seed=range(10,50,0) cannot be: "),
        (("--info", "nonsense"), "choose from"),
        (("hydra.job.chdir=true",), "would look for files in the folder of the run"),
        (("--experimental-rerun", "no.pickle"), "does not exist"),
        (("-lr", "0.1"), "settings are written without dashes, optimizer.learning_rate=0.1."),
        (("--gpu",), "settings are written without dashes, device=..."),
        (("-o", "x"), "There is no flag '-o'; --hydra-help lists the flags."),
        (("image=a.png",), "'image' is no setting of an optimisation; image= goes with task=score, encode, denoise"),
        (("task=deblur", "kernel=k.png"), "kernel= goes with image= and task=denoise, deblur, jpeg, upscale."),
        (("task=denoise", "denoiser.perception=1"), "of an optimisation; denoiser= goes with image= and task=denoise"),
        (("output_dir=x",), "The folder of a run is named by hydra.run.dir=x."),
        (("net=vgg19",), "it is backbone=vgg19."),
        (("task=upscale", "factor=2"), "There is no setting 'factor'; it is degradation.factor=2."),
        (("task=encode", "image=astronaut", "pairs=x"), "pairs= goes with task=score."),
    ],
)
@pytest.mark.filterwarnings("ignore:Experimental rerun")
def test_what_cannot_be_is_said_in_a_sentence(words: tuple[str, ...], sentence: str, enhance: Enhance) -> None:
    ended = enhance(*words)
    assert ended.code == 2
    assert sentence in ended.err
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (("hydra.mode=MULTIRUN", "seed=range(1,3)"), ["1", "2"]),
        (("-m", "optimizer=glob(adam*)"), ["adam", "adamw"]),
        pytest.param(("--multirun", "seed=choice(7,8)"), ["7", "8"], marks=pytest.mark.slow),
        pytest.param(("-m", "seed=1,2"), ["1", "2"], marks=pytest.mark.slow),
        pytest.param(("-m", "seed=shuffle(1,2)"), ["1", "2"], marks=pytest.mark.slow),
        pytest.param(("-m", "seed=sort(2,1)"), ["1", "2"], marks=pytest.mark.slow),
    ],
)
def test_sweeps_over_choices_ranges_and_globs(words: tuple[str, ...], values: list[str], enhance: Enhance) -> None:
    ended = enhance(*QUICK, *words, "hydra.sweep.dir=made", "hydra.sweep.subdir=${hydra.job.num}")
    assert ended.code == 0, ended.err
    found = [json.loads(file.read_text())["command"].rpartition("=")[2] for file in Path("made").glob("*/metrics.json")]
    assert sorted(found) == values
    assert Path("made/summary.csv").is_file()


def test_a_first_file_of_the_users_own_stands_on_base(enhance: Enhance) -> None:
    Path("mine").mkdir()
    own = Path("mine/study.yaml")
    own.write_text("defaults:\n  - base\n  - override /metric: mse\n  - _self_\nsteps: 3\nhydra: {run: {dir: made}}\n")
    ended = enhance("--config-dir", "mine", "--config-name", "study", *QUICK[1:2], *QUICK[3:])
    assert ended.code == 0, ended.err
    found = json.loads(Path("made/metrics.json").read_text())
    assert (found["steps_made"], found["metric"]["name"]) == (3, "mse")
    ended = enhance("--config-dir=mine", "-cn", "study", "recipes=denoise", "--cfg", "job", "-p", "steps")
    assert (ended.code, ended.err) == (0, "")
    own.write_text("defaults:\n  - config\n  - _self_\n")
    ended = enhance("--config-dir", "mine", "--config-name", "study")
    assert ended.err == (
        "enhance: A first file of your own stands on `base`, not on `config`: defaults: [base, _self_].\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ("hydra.verbose=true", "hydra.output_subdir=null", "hydra.job.name=other", "--run"),
        (
            *("hydra.verbose=[enhance]", "hydra/job_logging=disabled", "hydra/hydra_logging=none"),
            *("hydra.output_subdir=.hydra", "+hydra.job.env_set.SOMETHING=1"),
        ),
    ],
)
def test_a_run_with_features(words: tuple[str, ...], enhance: Enhance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMETHING", "0")
    ended = enhance(*QUICK, *words, "hydra.run.dir=made")
    assert ended.code == 0, ended.err
    assert json.loads(Path("made/metrics.json").read_text())["status"] == "finished"


def test_a_folder_named_by_the_overrides(enhance: Enhance) -> None:
    assert enhance(*QUICK, "hydra.run.dir=made/${hydra.job.override_dirname}").code == 0
    assert len(list(Path("made").glob("*metric=mse*/metrics.json"))) == 1


@pytest.mark.filterwarnings("ignore:Experimental rerun")
def test_a_pickled_job_is_run_again(enhance: Enhance) -> None:
    pickling = "+hydra.callbacks.p._target_=hydra.experimental.callbacks.PickleJobInfoCallback"
    assert enhance(*QUICK, "hydra.run.dir=made", "hydra.output_subdir=.hydra", pickling).code == 0
    job = Path("made/.hydra/config.pickle").rename("job.pickle")
    shutil.rmtree("made")
    ended = enhance("--experimental-rerun", str(job))
    assert ended.code == 0, ended.err
    assert json.loads(Path("made/metrics.json").read_text())["steps_made"] == 2
