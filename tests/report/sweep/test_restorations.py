"""Restorations in a sweep: jobs, page, what is left out by a second call, and a job that begins anew."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from helpers import Ended
from safetensors.torch import save_file

from enhance.cli import main as cli
from enhance.images.writing import save_image
from enhance.report.sweep.jobs import read_sweep
from enhance.report.sweep.sheet import shared_picture
from enhance.report.sweep.summary import summarise
from enhance.restoration.denoiser import Denoiser
from enhance.runs.layout import squared_error
from enhance.runs.restoration import Moment, RestorationRecorder

Command = Callable[..., Ended]
SWEEP = ("-m", "task=denoise", "image=noisy.png", "denoiser.weights=weights.safetensors", "hydra.sweep.dir=sweep")
SIGMAS = "degradation.sigma=10,40"


@pytest.fixture
def restore(enhance: Command, tmp_path: Path, generator: torch.Generator) -> Command:
    """The command, in a folder with a noisy picture, the clean one, and a denoiser that has learnt nothing."""
    clean = torch.rand(1, 3, 24, 32, generator=generator)
    noise = 0.1 * torch.randn(clean.shape, generator=generator)
    save_image(clean, tmp_path / "clean.png")
    save_image((clean + noise).clamp(0, 1), tmp_path / "noisy.png")
    torch.manual_seed(0)
    save_file({name: 0.1 * value for name, value in Denoiser().state_dict().items()}, tmp_path / "weights.safetensors")
    return enhance


def test_a_sweep_of_restorations_is_ranked_by_the_reference(restore: Command) -> None:
    ended = restore(*SWEEP, SIGMAS, "degradation=gaussian_noise", "reference=clean.png")
    assert ended.code == 0
    assert "2 of 2 jobs finished, ranked by PSNR" in ended.out
    rows = list(csv.DictReader(Path("sweep/summary.csv").read_text().splitlines()))
    assert [row["rank"] for row in rows] == ["1", "2"]
    assert float(rows[0]["psnr"]) > float(rows[1]["psnr"])
    assert sorted(float(row["expected"]) for row in rows) == pytest.approx([10, 40])
    page = Path("sweep/summary.html").read_text()
    assert "Ranked by the PSNR of the results." in page
    assert page.count("<polyline") == 4  # each curve, alone and among all
    assert "noisy.png" in page
    assert Path("sweep/summary.png").stat().st_size > 1000
    assert shared_picture(read_sweep(Path("sweep"))) == ("before", Path("sweep/0-denoise/initial.png"))
    log = Path("sweep/0-denoise/run.log").read_text()
    assert "residual" in log
    assert "a restoration: noisy.png is what is observed" in log
    assert "reference= is only compared with the result" in log


def test_without_a_reference_none_is_called_best(restore: Command) -> None:
    ended = restore(*SWEEP, SIGMAS)
    assert ended.code == 0
    assert "not ranked, without a reference" in ended.out
    assert "best" not in ended.out
    found = read_sweep(Path("sweep"))
    assert found.varying == ["degradation.sigma"]
    assert (found.ranks(), found.best) == ({}, [])
    assert len(found.questions) == 1  # what is assumed is no part of the question
    page = Path("sweep/summary.html").read_text()
    assert "Not ranked" in page
    assert "<h2>Runs</h2>" in page
    assert "enhance -m task=denoise " in page  # as it was typed


def test_images_and_tasks_are_questions_of_their_own(restore: Command) -> None:
    arguments = ["image=noisy.png,clean.png" if given.startswith("image") else given for given in SWEEP]
    assert restore(*arguments, "task=denoise,upscale", "reference=clean.png").code == 1  # of another size than enlarged
    found = read_sweep(Path("sweep"))
    assert len(found.finished) == 2
    assert len(found.questions) == len(found.best) == 2
    assert "reference is 32 x 24 but the result is 64 x 48" in found.jobs[2].reason + found.jobs[1].reason
    same = next(job for job in found.finished if job.metadata["image"] == "clean.png")
    assert math.isfinite(same.result("psnr") or math.nan)


def test_a_second_call_makes_only_what_is_missing(restore: Command) -> None:
    assert restore(*SWEEP, SIGMAS, "reference=clean.png").code == 0
    first, second = (Path(f"sweep/{number}-denoise/metrics.json") for number in (0, 1))
    kept = first.read_bytes()
    made = json.loads(second.read_text())
    second.write_text(json.dumps(made | {"status": "running"}))
    refused = restore(*SWEEP, SIGMAS, "reference=clean.png")
    assert (refused.code, "sweep.resume=true" in refused.err) == (2, True)
    assert restore(*SWEEP, SIGMAS, "reference=clean.png", "sweep.resume=true").code == 0
    assert first.read_bytes() == kept
    again = json.loads(second.read_text())
    assert (again["status"], again["result"], again["identity"]) == ("finished", made["result"], made["identity"])


def test_a_restoration_that_was_cut_off_is_made_anew_by_resume(
    restore: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = (*SWEEP[1:4], "reference=clean.png", "output=run", "degradation.sigma=20")
    record = RestorationRecorder.record

    def cut_off(recorder: RestorationRecorder, moment: Moment, figures: Mapping[str, float]) -> None:
        record(recorder, moment, figures)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(RestorationRecorder, "record", cut_off)
        assert restore(*given).code == 130
    begun = json.loads(Path("run/metrics.json").read_text())
    assert begun["status"] == "running"
    Path("run").rename("moved")
    ended = restore(f"resume={tmp_path / 'moved'}")
    assert ended.code == 0
    made = json.loads(Path("moved/metrics.json").read_text())
    assert (made["status"], made["command"], made["identity"]) == ("finished", begun["command"], begun["identity"])
    assert made["fit"]["expected"] == pytest.approx(20)
    assert "there is nothing to resume" in restore("resume=moved").out
    Path("moved/metrics.json").write_text(json.dumps({**begun, "settings": {"tusk": 1}}))
    damaged = restore("resume=moved")
    assert (damaged.code, "does not have its settings" in damaged.err) == (2, True)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("output=here",), "output=here: the folder of a sweep is named by hydra.sweep.dir=FOLDER"),
        (("image=.",), "image=. is a folder; a sweep takes images, image=a.png,b.png"),
        (("denoiser.perception=0,2",), "denoiser.perception=2.0 is too large"),
        (("metric=ssim",), "This task has no setting 'metric'"),
        (("degradation=gaussian_noise,nosie",), "'nosie'"),
    ],
)
def test_what_cannot_be_gets_a_sentence(restore: Command, given: tuple[str, ...], said: str) -> None:
    ended = restore(*SWEEP, *given)
    assert ended.code in (1, 2)
    assert said in ended.err


def test_several_values_without_m_are_refused(restore: Command) -> None:
    ended = restore(*SWEEP[1:4], SIGMAS)
    assert (ended.code, "degradation.sigma=10,40 has several values: add -m to sweep" in ended.err) == (2, True)


def test_the_objective_is_the_squared_error(restore: Command) -> None:
    found: list[float] = []
    job = cli._job

    def observed(config: object) -> float:
        found.append(job(config))
        return found[-1]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cli, "_job", observed)
        assert restore(*SWEEP, SIGMAS, "reference=clean.png").code == 0
    made = [json.loads(Path(f"sweep/{number}-denoise/metrics.json").read_text()) for number in (0, 1)]
    assert found == [squared_error(each) for each in made]
    assert all(0 < error < 1 for error in found)


def test_the_summary_is_made_anew_from_the_files(restore: Command) -> None:
    assert restore(*SWEEP, SIGMAS, "reference=clean.png").code == 0
    page = Path("sweep/summary.html").read_bytes()
    Path("sweep/summary.html").unlink()
    summarise(Path("sweep"))
    assert Path("sweep/summary.html").read_bytes() == page
