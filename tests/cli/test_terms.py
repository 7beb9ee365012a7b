"""Terms, masks, one's own metrics and the newer groups, from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import Ended
from helpers import settings
from hydra._internal.utils import get_args_parser
from PIL import Image

from enhance.cli import flags
from enhance.cli.overrides import checked, tool_settings
from enhance.cli.quoting import quoted
from enhance.config.schema import MetricConfig
from enhance.experiment.metric_checks import check_scored
from enhance.experiment.notes import notes
from enhance.utils.errors import SettingsError

Command = Callable[..., Ended]
QUICK = ("size=24", "steps=2", "frames.count=2", "threads=1")


@pytest.fixture(autouse=True)
def _nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enhance.report.render.render", lambda folder: [])


def mean_difference(image: torch.Tensor, reference: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
    """A metric of the user's own."""
    return scale * (image - reference).abs().mean((1, 2, 3))


class Similarity(torch.nn.Module):
    """A metric of the user's own, as a class."""

    def __init__(self, sharpness: float = 1.0) -> None:
        super().__init__()
        self.sharpness = sharpness

    def forward(self, image: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        return (-self.sharpness * (image - reference).square().mean((1, 2, 3))).exp()


OWN = ("metric=module", f"metric.target={__name__}.Similarity")


@pytest.mark.parametrize(
    "arguments",
    [
        ["metric=ssim", "terms.mae=0.5", "terms.mse=0.1", "weight=2"],
        ["metric=deepjsd", "terms.deepjsd@squeezenet=0.5", "terms.mae=0.1", "backbone.weights=untrained"],
        ["metric=deepjsd", "terms.mae=0.5", "optimizer=sgd", "optimizer.learning_rate=0.1"],
        [*OWN, "metric.arguments={sharpness:4}", "metric.range=[-1,1]", "metric.higher_is_better=true"],
        [*OWN, "metric.arguments.sharpness=0.1", "metric.range=imagenet", "metric.higher_is_better=true"],
        ["metric=module", f"metric.target={__name__}.mean_difference", "metric.arguments.scale=2"],
        ["metric=mse", "optimizer=lbfgs", "optimizer.arguments.history_size=5"],
        ["metric=mse", "terms.module=0.5", f"metric.target={__name__}.mean_difference"],
        ["terms.module=0.5", f"metric.target={__name__}.mean_difference", "metric.arguments.scale=2"],
        ["metric=mse", "stopping=plateau", "frames=fixed", "frames.every=1"],
        ["metric=mse", "parametrization.arguments={}", "schedule.arguments={}"],
        ["metric=mse", "mask=a mask (1).png", "initial=noise"],
    ],
)
def test_the_newer_settings_run(enhance: Command, arguments: list[str]) -> None:
    Image.new("L", (512, 512), 255).save("a mask (1).png")
    ended = enhance(*QUICK, *arguments, "hydra.run.dir=run")
    assert ended.code == 0, ended
    results = json.loads(Path("run/metrics.json").read_text())
    assert results["best"]["loss"] < results["initial"]["loss"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["terms.mea=1"], "mae"),
        (["terms.mae=much"], "terms.mae=much must be a number"),
        (["terms.mae=-1"], "at least 0"),
        (["terms.deepwsd=1"], "weight=1"),
        (["terms.deepjsd@vg19=1"], "vgg19"),
        (["terms.ssim@vgg19=1"], "ssim uses no backbone"),
        (["terms.deepjsd@vgg19=much"], "much"),
        (["weight=0"], "All weights are 0"),
        (["weight=-1"], "at least 0"),
        (["metric=module"], "needs metric.target"),
        (["terms.module=0.5"], "needs metric.target"),
        (["metric=ssim", "terms.module=1", "metric.target=a.b", "metric.arguments.x=1"], "take metric=module"),
        (["metric=module", "metric.target=a.b", "terms.module=1"], "terms.module is the metric itself"),
        (["+metric.foo=1"], "no setting 'metric.foo'"),
        (["+degradation.sigma=3"], "no setting 'degradation.sigma'"),
        (["metric=ssim", "metric.range=[0,1]"], "goes with metric=module"),
        (["metric=ssim", "metric.layout=spatial"], "takes no layout"),
        (["metric=deepjsd", "metric.arguments.x=1"], "takes no arguments"),
        (["metric=deepjsd", "metric.weights=untrained"], "backbone.weights="),
        (["metric=module", "metric.target=a.b", "metric.weights=x.pth"], "goes with lpips"),
        (["metric.rnage=[0,1]"], "did you mean 'metric.range'"),
        (["optimizer=lbgfs"], "did you mean 'lbfgs'"),
        (["stopping=plato"], "did you mean 'plateau'"),
        (["frames=fix"], "did you mean 'fixed'"),
        (["backbone.name=vgg91"], "did you mean 'vgg19'"),
        (["degradation.sigma=3"], "no setting 'degradation.sigma'"),
        (["steps=true"], "steps=true must be a whole number"),
        (["reference=null"], "leaves it without a value"),
        (["hydra/launcher=paralel"], "did you mean 'parallel'"),
        (["hydra.swep.dir=x"], "did you mean 'hydra.sweep"),
    ],
)
def test_their_mistakes_get_a_sentence_with_the_nearest_name(arguments: list[str], sentence: str) -> None:
    with pytest.raises(SettingsError) as error:
        checked(quoted(arguments))
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("optimizer.arguments={lr:0.5}", "no argument of optimizer=adam 'lr'"),
        ("parametrization.arguments={initial:1}", "no argument of parametrization=pyramid 'initial'"),
        ("metric.arguments={check_range:true}", "metric.arguments.check_range is set by the program"),
    ],
)
def test_arguments_that_the_program_gives_itself_are_refused(enhance: Command, arguments: str, sentence: str) -> None:
    ended = enhance(*QUICK, "metric=mse", arguments, "hydra.run.dir=run")
    assert ended.code == 2
    assert sentence in ended.err
    assert not Path("run").exists()


@pytest.mark.parametrize(
    "setting",
    [
        *("compile=true", "autocast=bfloat16", "tf32=true", "deterministic=true", "coarse=true"),
        *("schedule.reset_moments=true", "frames.every=3"),
    ],
)
def test_a_setting_that_changes_nothing_is_noted(enhance: Command, setting: str) -> None:
    ended = enhance(*QUICK, "metric=mse", setting, "hydra.run.dir=run")
    assert ended.code == 0
    assert f"{setting} changes nothing" in ended.err + ended.out


@pytest.mark.parametrize(
    ("initial", "unused", "used", "why"),
    [
        ("white", "gain_degraded", "gain", "does not resemble"),
        ("degraded", "gain", "gain_degraded", "resembles"),
    ],
)
def test_the_gain_of_another_initial_image_is_noted(
    enhance: Command, initial: str, unused: str, used: str, why: str
) -> None:
    begins = (*QUICK, "task=jpeg", "metric=mse", f"initial={initial}", "figures=false")
    ended = enhance(*begins, f"parametrization.{unused}=3")
    said = " ".join(ended.err.split())
    assert f"parametrization.{unused}=3 changes nothing: the initial image {why} the reference" in said
    assert "changes nothing" not in enhance(*begins, f"parametrization.{used}=3").err


@pytest.mark.parametrize(
    ("setting", "mended", "note"),
    [
        ("optimizer=adamw", "optimizer.weight_decay=0.1", "optimizer=adamw without optimizer.weight_decay is adam"),
        ("schedule=halving", "schedule.every=1", "schedule=halving with schedule.every=1000 and 2 steps is constant"),
        ("degradation=jpeg", "initial=degraded", "the degradation, jpeg, is not applied: the initial image is white"),
    ],
)
def test_a_choice_that_is_the_same_as_another_is_noted(setting: str, mended: str, note: str) -> None:
    assert notes(settings(*QUICK, "metric=mse", setting)) == [note]
    assert not notes(settings(*QUICK, "metric=mse", setting, mended))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["metric=mse", "optimizer.arguments.histry=5"], "histry"),
        (["metric=mse", "schedule.arguments.evry=5"], "evry"),
        (["metric=mse", "parametrization.arguments.lvels=5"], "did you mean 'levels'"),
        (["metric=mse", "optimizer.arguments.eps=x"], "optimizer.arguments.eps=x must be a number, such as 1e-08"),
        (["metric=mse", "optimizer.arguments.amsgrad=maybe"], "amsgrad=maybe must be true or false"),
        (["metric=mse", "optimizer.arguments.fused=maybe"], "fused=maybe must be true or false"),
        (["metric=mse", "optimizer=lbfgs", "optimizer.arguments.line_search_fn=foo"], "only 'strong_wolfe' is"),
        (["metric=mse", "optimizer=lbfgs", "optimizer.arguments.max_iter=x"], "max_iter=x must be a number"),
        (["metric=ssim", "metric.arguments.x=1"], "metric=ssim cannot be made with x=1"),
        (["metric=module", "metric.target=torch.nn.L1Loss", "metric.arguments.x=1"], "cannot be made with x=1"),
        (["metric=module", "metric.target=no.such.thing"], "no.such.thing cannot be imported: No module named 'no'."),
        (["metric=module", "metric.target=torch.nn.L1Los"], "torch.nn has no L1Los; did you mean torch.nn.L1Loss?"),
        (
            ["metric=module", "metric.target=torch.nn"],
            "torch.nn is a module; name a function or class of it, torch.nn.",
        ),
        (["metric=module", "metric.target=torch.nn.Zzz"], "torch.nn.Zzz: torch.nn has no Zzz."),
        (["metric=mse", "mask=gone.png"], "gone.png"),
    ],
)
def test_mistakes_that_need_the_library_get_a_sentence_too(enhance: Command, arguments: list[str], words: str) -> None:
    ended = enhance(*QUICK, *arguments)
    assert ended.code == 2
    assert words in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err


def test_a_backbone_that_no_metric_uses_is_noted_on_the_terminal_and_in_the_log(enhance: Command) -> None:
    note = "ssim uses no backbone; backbone=vgg16 changes nothing"
    ended = enhance(*QUICK, "metric=ssim", "backbone=vgg16", "hydra.run.dir=run")
    assert ended.code == 0
    assert f"note: {note}" in ended.err.replace("\n", " ")
    assert note in Path("run/run.log").read_text()
    checked(["metric=ssim,deepjsd", "backbone=vgg16,vgg19"])


@pytest.mark.parametrize(
    ("metric", "names"),
    [
        (MetricConfig("deepjsd", layout="spatial"), ["mse"]),
        (MetricConfig("ssim", arguments={"x": 1}), ["psnr"]),
        (MetricConfig("module", target="a.b"), ["psnr"]),
        (MetricConfig("mse", steps=5), ["mse"]),
    ],
)
def test_a_setting_that_no_column_takes_is_refused(metric: MetricConfig, names: list[str]) -> None:
    with pytest.raises(SettingsError, match=rf"{names[0]}: no metric takes metric\."):
        check_scored(metric, names)


def test_a_setting_that_one_column_takes_is_fine() -> None:
    check_scored(MetricConfig("deepjsd", layout="spatial"), ["mse", "deepwsd@vgg16"])
    check_scored(MetricConfig("deepwsd", target="a.b", arguments={"x": 1}), ["mse", "module"])


def test_file_names_of_the_newer_settings_are_quoted() -> None:
    assert quoted(["mask=my mask (1).png"]) == ["mask='my mask (1).png'"]
    assert quoted(["metric.weights=é.pth"]) == ["metric.weights='é.pth'"]


@pytest.mark.parametrize("tool", ["score", "evaluate"])
def test_scores_of_any_metric_in_any_backbone_are_settings(tool: str) -> None:
    found = tool_settings(tool, ["metrics=[deepjsd,ssim,deepjsd@vgg16]", "metric=ssim"])
    assert found.metrics == ["deepjsd", "ssim", "deepjsd@vgg16"]
    assert found.metric.name == "ssim"


def score(enhance: Command, *arguments: str) -> Ended:
    image = torch.rand(24, 32, 3, generator=torch.Generator().manual_seed(0)).mul(255).byte().numpy()
    for name in ("a.png", "b.png"):
        for folder in ("ref", "img"):
            Path(folder).mkdir(exist_ok=True)
            Image.fromarray(image if folder == "ref" else image // 2).save(f"{folder}/{name}")
    half = Image.new("L", (32, 24))
    half.paste(255, (0, 0, 16, 24))
    half.save("half.png")
    Image.new("L", (9, 9), 255).save("small.png")
    return enhance("task=score", "backbone=squeezenet", "backbone.weights=untrained", "threads=1", *arguments)


def test_one_metric_of_any_kind_is_scored(enhance: Command) -> None:
    ended = score(enhance, "reference=ref/a.png", "image=img/a.png", "metric=ssim", "format=json")
    assert ended.code == 0, ended
    assert "ssim uses no backbone" in ended.err
    (ssim,) = json.loads(ended.out)["scores"]
    assert ssim["metric"] == "ssim"


def test_a_metric_in_two_backbones_has_two_columns(enhance: Command) -> None:
    ended = score(enhance, "reference=ref", "image=img", "metrics=[deepjsd,psnr,deepjsd@squeezenet1_0,mae]")
    assert ended.code == 2
    assert "the column deepjsd-squeezenet1_0 twice" in ended.err
    ended = score(enhance, "reference=ref", "image=img", "metrics=[deepjsd,psnr,deepjsd@mobilenet,mae]")
    assert ended.code == 0, ended
    columns = Path("scores.csv").read_text().splitlines()[0].split(",")
    assert columns[2:-1] == ["deepjsd-squeezenet1_0", "psnr", "deepjsd-mobilenet", "mae"]


@pytest.mark.parametrize("metric", ["mae", "deepjsd"])
def test_a_mask_holds_for_a_pair_and_for_folders(enhance: Command, metric: str) -> None:
    pair = ("reference=ref/a.png", "image=img/a.png", f"metric={metric}", "format=json")
    masked, whole = (
        json.loads(score(enhance, *pair, *more).out)["scores"][0]["score"] for more in (["mask=half.png"], [])
    )
    assert masked != whole
    ended = score(enhance, "reference=ref", "image=img", f"metric={metric}", "mask=half.png")
    assert ended.code == 0, ended
    row = Path("scores.csv").read_text().splitlines()[1]
    assert float(row.split(",")[2]) == pytest.approx(masked, rel=1e-5)
    ended = score(enhance, "reference=ref", "image=img", f"metric={metric}")
    assert ended.code == 2
    assert "masks" in ended.err


def test_a_coloured_mask_is_noted_once(enhance: Command) -> None:
    Image.new("RGB", (32, 24), (255, 0, 0)).save("red.png")
    note = "mask: red.png has colours: the mean of red, green and blue is the mask"
    pair = score(enhance, "reference=ref/a.png", "image=img/a.png", "metric=mae", "mask=red.png")
    assert pair.err.count(f"note: {note}") == 1
    ended = score(enhance, "reference=ref/a.png", "image=img/a.png", "metric=mae", "mask=red.png", "format=json")
    assert json.loads(ended.out)["notes"] == [note]
    folders = score(enhance, "reference=ref", "image=img", "metric=mae", "mask=red.png")
    assert folders.err.count(f"note: {note}") == 1


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        (["metric=mae", "batch=4"], "batch=4 changes nothing: there is one pair"),
        (["metric=mae", "workers=0"], "workers=0 changes nothing: there is one pair"),
        (["metrics=[mae]", "metric=ssim"], "metric=ssim changes nothing: metrics= names others"),
        (
            ["metrics=[deepjsd@mobilenet]"],
            "backbone=squeezenet changes nothing: deepjsd@mobilenet name their own",
        ),
        (["metric=deepjsd", "backbones=[mobilenet]"], "backbone=squeezenet changes nothing: backbones= names others"),
    ],
)
def test_a_setting_that_changes_no_score_is_noted(enhance: Command, arguments: list[str], note: str) -> None:
    ended = score(enhance, "reference=ref/a.png", "image=img/a.png", *arguments)
    assert ended.code == 0, ended
    assert f"note: {note}" in ended.err


@pytest.mark.parametrize(
    "arguments", [["metric=deepjsd"], ["metrics=[deepjsd,mae]"], ["metrics=[mae,deepjsd@squeezenet]"]]
)
def test_a_choice_that_is_used_is_not_noted(enhance: Command, arguments: list[str]) -> None:
    ended = score(enhance, "reference=ref/a.png", "image=img/a.png", *arguments)
    assert ended.code == 0, ended
    assert "changes nothing" not in ended.err


def test_a_mask_of_another_size_is_refused(enhance: Command) -> None:
    ended = score(enhance, "reference=ref/a.png", "image=img/a.png", "metric=mae", "mask=small.png")
    assert ended.code == 2
    assert "mask=small.png has 9 x 9 pixels and the images 32 x 24" in ended.err
    ended = score(enhance, "reference=ref", "image=img", "metric=mae", "mask=small.png")
    assert ended.code == 2
    assert "the mask 9 x 9" in ended.err


def test_a_map_needs_a_metric_that_has_one(enhance: Command) -> None:
    pair = ("reference=ref/a.png", "image=img/a.png", "map=true")
    assert score(enhance, *pair, "metrics=[deepjsd,mae]", "mask=half.png").code == 0
    assert Path("a-map.png").is_file()
    ended = score(enhance, *pair, "metric=mae")
    assert ended.code == 2
    assert "needs a metric that has a map: deepwsd, deepjsd, deepskld" in ended.err


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder of the user's own recipes and groups."""
    folder = tmp_path / "my own, (1)"
    (folder / "recipes").mkdir(parents=True)
    (folder / "task").mkdir()
    (folder / "optimizer").mkdir()
    (folder / "recipes" / "plain.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /metric: mse\nsize: 16\nsteps: 1\n"
    )
    (folder / "task" / "inpaint.yaml").write_text("name: inpaint\ninitial: grey\n")
    (folder / "optimizer" / "slow.yaml").write_text("name: adam\nlearning_rate: 0.001\n")
    return folder


@pytest.mark.parametrize("way", ["flag", "path"])
def test_recipes_and_groups_of_ones_own(enhance: Command, mine: Path, way: str) -> None:
    found = ["--config-dir", str(mine)] if way == "flag" else [f"hydra.searchpath=['file://{mine}']"]
    ended = enhance(*found, "recipes=plain", "task=inpaint", "optimizer=slow", "frames.count=2", "hydra.run.dir=run")
    assert ended.code == 0, ended
    results = json.loads(Path("run/metrics.json").read_text())
    assert (results["task"], results["start"], results["steps"]) == ("inpaint", "grey", 1)
    assert results["optimizer"]["learning_rate"] == 0.001
    ended = enhance(*found, "recipes=plian")
    assert ended.code == 2
    assert "did you mean 'plain'" in ended.err
    ended = enhance(*found, "recipes=denoise", "--cfg", "job")  # those of the package are there too
    assert ended.code == 0, ended
    assert "gaussian_noise" in ended.out


def test_the_flags_are_those_of_hydra() -> None:
    def names(parser: object) -> set[str]:
        return {flag for action in parser._actions for flag in action.option_strings}  # type: ignore[attr-defined]

    own = {"--help", "-h", "--version"}  # answered before
    assert names(flags.parser()) == names(get_args_parser()) - own
