"""The jobs of a sweep as their folders tell them, and which settings they differ in."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yaml import YAMLError, safe_load

from enhance.runs import layout as names
from enhance.runs.history import Row, read
from enhance.sweeps.folder import failure, plain

FIGURES = {"loss": "{:.5g}", "score": "{:.4f}", "psnr": "{:.2f}", "ssim": "{:.4f}", "ms_ssim": "{:.4f}"}


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        folder: of the run.
        number: its place in the sweep.
        settings: what was overridden, by key.
        facts: metrics.json.
        rows: its history.
        reason: why it failed; empty if it did not.
    """

    folder: Path
    number: int
    settings: dict[str, str]
    facts: dict[str, Any] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    reason: str = ""

    @property
    def finished(self) -> bool:
        return self.facts.get("status") == "finished"

    @property
    def state(self) -> str:
        """finished, failed, or unfinished."""
        return "failed" if self.reason else "finished" if self.finished else "unfinished"

    def figure(self, key: str) -> float | None:
        """A figure of the best image: loss, score, psnr, ssim or ms_ssim."""
        value = self.facts.get("best", {}).get(key)
        if value is None and key == "psnr" and "psnr" in self.facts.get("why_null", {}):
            return math.inf
        return value


@dataclass(frozen=True)
class Sweep:
    """Attributes:
    folder: of the sweep.
    jobs: in the order of their numbers.
    varying: the settings that jobs differ in; found, not configured.
    """

    folder: Path
    jobs: list[Job]
    varying: list[str]

    def ranked(self) -> list[Job]:
        """Finished jobs by PSNR, highest first, then the others: losses of different measures cannot be compared."""
        done = [job for job in self.jobs if job.state == "finished"]
        done.sort(key=lambda job: -(job.figure("psnr") or -math.inf))
        return done + [job for job in self.jobs if job.state != "finished"]

    def lowest(self) -> Job | None:
        """The finished job of the lowest loss, which is what sweepers look for; None where losses cannot be compared or
        are all the same.
        """
        done = [job for job in self.jobs if job.state == "finished" and job.figure("loss") is not None]
        judged = {json.dumps([job.facts.get(key) for key in ("metric", "backbone", "reference")]) for job in done}
        losses = {job.figure("loss") for job in done}
        return min(done, key=lambda job: job.figure("loss") or 0.0) if len(judged) == 1 < len(losses) else None

    @property
    def exit_code(self) -> int:
        """0 if all jobs finished, 1 if some did, 2 if none."""
        done = sum(job.state == "finished" for job in self.jobs)
        return 0 if done == len(self.jobs) else 1 if done else 2

    def failures(self) -> dict[str, list[Job]]:
        """The jobs that failed, by reason."""
        found: dict[str, list[Job]] = {}
        for job in self.jobs:
            if job.state == "failed":
                found.setdefault(job.reason, []).append(job)
        return found

    def label(self, job: Job) -> str:
        """What makes a job differ from the others."""
        return ", ".join(job.settings.get(key, "-") for key in self.varying) or f"job {job.number}"


def shown(job: Job, key: str) -> str:
    """A figure for people."""
    value = job.figure(key)
    return "-" if value is None else FIGURES[key].format(value)


def collect(folder: Path) -> Sweep:
    """Read a sweep from its folder.

    Raises:
        ValueError: if it holds no jobs.
    """
    found = (
        [_job(path) for path in folder.iterdir() if path.is_dir() and _number(path) is not None]
        if folder.is_dir()
        else []
    )
    if not found:
        raise ValueError(f"{folder} is no folder of a sweep: it holds no jobs.")
    jobs = sorted(found, key=lambda job: job.number)
    keys = dict.fromkeys(key for job in jobs for key in job.settings)
    varying = [key for key in keys if len({job.settings.get(key) for job in jobs}) > 1]
    return Sweep(folder, jobs, varying)


def _number(folder: Path) -> int | None:
    head = folder.name.partition("-")[0]
    return int(head) if head.isdigit() else None


def _job(folder: Path) -> Job:
    number, facts, rows = _number(folder) or 0, names.read_metrics(folder), read(folder / names.HISTORY)
    return Job(folder, number, _settings(folder), facts, rows, failure(folder))


def _settings(folder: Path) -> dict[str, str]:
    """What was typed for this job, by key."""
    try:
        lines = safe_load((folder / "hydra" / "overrides.yaml").read_text(encoding="utf-8")) or []
    except (OSError, YAMLError):
        return {}
    return {
        key.lstrip("+"): value.strip("'\"")
        for key, _, value in (line.partition("=") for line in plain(map(str, lines)))
    }
