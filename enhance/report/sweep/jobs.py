"""The jobs of a sweep, read from their folders, and the settings in which they differ."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from yaml import YAMLError, safe_load

from enhance.report.numbers import FITS, quantity
from enhance.runs import layout as names
from enhance.runs.history import Row, read
from enhance.runs.sweep import failure_reason, settings_only

_ASKING = ("task", "degradation", "reference", "initial", "size", "mask", "seed", "background", "range")  # settings
_ASKING_TO_RESTORE = ("task", "image", "reference", "factor", "background", "range")  # the degradation is assumed
_QUESTION = ("task", "image", "reference", "start", "degradation", "mask", "width", "height", "seed")


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        folder: of the run.
        number: its place in the sweep.
        settings: what was overridden, by key.
        metadata: metrics.json.
        rows: its history.
        reason: why it failed; empty if it did not.
    """

    folder: Path
    number: int
    settings: dict[str, str]
    metadata: dict[str, Any] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    reason: str = ""

    @property
    def state(self) -> str:
        """finished, failed, or unfinished."""
        if self.reason:
            return "failed"
        return "finished" if self.metadata.get("status") == "finished" else "unfinished"

    @property
    def finished(self) -> bool:
        return self.state == "finished"

    @property
    def restores(self) -> bool:
        """Whether it is a restoration, which may have no reference."""
        return self.metadata.get("kind") == names.KIND_OF_RESTORATIONS

    @property
    def question(self) -> str:
        """What was to be done, whatever it was done with: task, degradation, initial image, reference, size and seed;
        of a restoration task, image, reference and size. Results of different questions cannot be compared.
        """
        return json.dumps([self.metadata.get(key) for key in _QUESTION])

    @property
    def scores(self) -> dict[str, float | None]:
        """The score of the best image by each evaluation metric; None where it is not finite."""
        return self.metadata.get("best", {}).get("scores") or {}

    def result(self, key: str) -> float | None:
        """A figure of the best image: loss, score, psnr, ssim or ms_ssim; or, of a restoration, how well its
        observation is met. None where it is not known.
        """
        found = self.metadata.get("fit" if key in FITS else "result" if self.restores else "best") or {}
        value = found.get(key)
        infinite = found if self.restores else self.metadata.get("why_null", {})
        return math.inf if value is None and key == "psnr" and key in infinite else value

    def written(self, key: str, *, unit: bool = True) -> str:
        """A figure of the best image as people read it."""
        return quantity(key).write(self.result(key), unit=unit)


@dataclass(frozen=True)
class Sweep:
    """A sweep.

    Attributes:
        folder: of the sweep.
        jobs: in the order of their numbers.
        varying: the settings in which jobs differ; found, not configured.
    """

    folder: Path
    jobs: list[Job]
    varying: list[str]

    @property
    def finished(self) -> list[Job]:
        """The finished jobs, in the order of their numbers."""
        return [job for job in self.jobs if job.finished]

    @cached_property
    def questions(self) -> dict[str, list[Job]]:
        """The finished jobs of each question by PSNR, highest first: losses of different metrics cannot be compared."""
        found: dict[str, list[Job]] = {}
        for job in self.finished:
            found.setdefault(job.question, []).append(job)
        return {question: sorted(jobs, key=_by_psnr) for question, jobs in found.items()}

    def ranked(self) -> list[Job]:
        """The finished jobs, question by question and by PSNR, then the others."""
        by_psnr = [job for jobs in self.questions.values() for job in jobs]
        return by_psnr + [job for job in self.jobs if not job.finished]

    def ranks(self) -> dict[Path, int]:
        """The rank of each finished job among those of its question, by its folder; none without PSNR."""
        return {
            job.folder: rank
            for jobs in self.questions.values()
            for rank, job in enumerate(jobs, 1)
            if job.result("psnr") is not None
        }

    @cached_property
    def best(self) -> list[Job]:
        """The first of each question that has ranks."""
        return [jobs[0] for jobs in self.questions.values() if jobs[0].result("psnr") is not None]

    @property
    def restores(self) -> bool:
        """Whether its jobs are restorations."""
        return any(job.restores for job in self.jobs)

    def known(self, keys: Iterable[str]) -> list[str]:
        """Those of the figures that some job has."""
        return [key for key in keys if any(job.result(key) is not None for job in self.jobs)]

    def asked(self, job: Job) -> str:
        """What distinguishes the question of a job from the others, e.g. `denoise, astronaut`."""
        return ", ".join(job.settings.get(key, "-") for key in self.varying if self._asks(key))

    def method(self, job: Job) -> str:
        """What a job answers its question with, e.g. `ssim`: what differs and is no part of the question."""
        return ", ".join(job.settings.get(key, "-") for key in self.varying if not self._asks(key))

    def lowest_loss(self) -> Job | None:
        """The finished job of the lowest loss, which sweepers look for; None where losses cannot be compared or are all
        the same.
        """
        compared = ("metric", "objective", "backbone", "reference")
        losses = {job.folder: loss for job in self.finished if (loss := job.result("loss")) is not None}
        jobs = [job for job in self.finished if job.folder in losses]
        objectives = {json.dumps([job.metadata.get(key) for key in compared]) for job in jobs}
        if len(objectives) != 1 or len(set(losses.values())) == 1:
            return None
        return min(jobs, key=lambda job: losses[job.folder])

    def _asks(self, key: str) -> bool:
        """Whether a setting is part of the question."""
        return key.partition(".")[0] in (_ASKING_TO_RESTORE if self.restores else _ASKING)

    @property
    def exit_code(self) -> int:
        """0 if all jobs finished, 1 if some did, 2 if none."""
        done = len(self.finished)
        return 0 if done == len(self.jobs) else 1 if done else 2

    def failures(self) -> dict[str, list[Job]]:
        """The jobs that failed, by reason."""
        found: dict[str, list[Job]] = {}
        for job in self.jobs:
            if job.state == "failed":
                found.setdefault(job.reason, []).append(job)
        return found

    def label(self, job: Job) -> str:
        """What distinguishes a job from the others."""
        return ", ".join(job.settings.get(key, "-") for key in self.varying) or f"job {job.number}"


def read_sweep(folder: Path) -> Sweep:
    """The sweep in a folder.

    Raises:
        ValueError: if it holds no jobs.
    """
    folders = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    jobs = [_job(path, number) for path in folders if (number := _number(path)) is not None]
    if not jobs:
        raise ValueError(f"{folder} is no folder of a sweep: it holds no jobs.")
    jobs.sort(key=lambda job: job.number)
    keys = dict.fromkeys(key for job in jobs for key in job.settings)
    return Sweep(folder, jobs, [key for key in keys if len({job.settings.get(key) for job in jobs}) > 1])


def joined(sweeps: Sequence[Sweep]) -> Sweep:
    """The jobs of several sweeps as one, in the folder of the first: measures that need other settings than the rest
    have a sweep of their own.

    Raises:
        ValueError: if two jobs answer one question with the same method.
    """
    keys = dict.fromkeys(key for sweep in sweeps for key in sweep.varying)
    whole = Sweep(sweeps[0].folder, [job for sweep in sweeps for job in sweep.jobs], list(keys))
    found: dict[tuple[str, str], Job] = {}
    for job in whole.finished:
        answer = job.question, whole.method(job)
        if len(sweeps) > 1 and answer in found:
            raise ValueError(
                f"{found[answer].folder} and {job.folder} answer the same question with "
                f"{whole.method(job) or 'one method'}; name sweeps that differ in their metrics."
            )
        found[answer] = job
    return whole


def _by_psnr(job: Job) -> float:
    return -(job.result("psnr") or -math.inf)


def _number(folder: Path) -> int | None:
    head = folder.name.partition("-")[0]
    return int(head) if head.isdigit() else None


def _job(folder: Path, number: int) -> Job:
    rows = read(folder / names.HISTORY)
    return Job(folder, number, _settings(folder), names.read_metrics(folder), rows, failure_reason(folder))


def _settings(folder: Path) -> dict[str, str]:
    """The overrides of a job, by key."""
    try:
        lines = safe_load((folder / "hydra" / "overrides.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, YAMLError):
        return {}
    if not isinstance(lines, list):
        return {}
    parts = (line.partition("=") for line in settings_only(map(str, lines)))
    return {key.lstrip("+"): value.strip("'\"") for key, _, value in parts}
