"""Writes down what happens in a run, as it happens."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from enhance.images.writing import save_image
from enhance.metrics.psnr_ssim import ms_ssim, psnr, ssim, ssim_or_nan
from enhance.optim.frames import FramePlan
from enhance.optim.step import Step
from enhance.runs import layout as names
from enhance.runs.history import HistoryWriter, Row, cut
from enhance.utils.files import write_json
from enhance.utils.numbers import finite

try:
    import resource
except ImportError:  # Windows
    resource = None

Moment = tuple[Row, Tensor]
Levels = Callable[[Tensor], Mapping[str, float]]


class Scores(Protocol):
    """The scores of an image (1, 3, H, W) by several metrics."""

    names: Sequence[str]

    def __call__(self, image: Tensor) -> dict[str, float]:
        """The scores by the names."""
        ...


class Recorder:
    """Keeps the history, the frames, the best image by loss and, in the end, all figures of a run.

    metrics.json says `running` until `finish` and `finished` only after `enhance.experiment.recording.conclude`, so
    that a folder left half-made never looks finished; result.png is the best image so far, brought up to date at each
    frame.

    Args:
        folder: an existing folder of the run's own.
        reference: (1, 3, H, W) in [0, 1].
        initial: the same shape.
        metadata: what is known before the first step; goes to metrics.json as it is.
        frames: which steps are kept as frames.
        bits: of a channel of all images but the frames: 8 or 16.
        scores: computes those of the frames and the best image; None: there are none.
    """

    def __init__(
        self,
        folder: Path,
        reference: Tensor,
        initial: Tensor,
        *,
        metadata: Mapping[str, Any],
        frames: FramePlan,
        bits: int = 8,
        scores: Scores | None = None,
    ) -> None:
        self._prepare(folder, reference, metadata, frames, bits, scores)
        save_image(reference, folder / names.REFERENCE, bits)
        save_image(initial, folder / names.INITIAL, bits)
        terms = [term["name"] for term in metadata.get("objective", [])]
        self._history = HistoryWriter(
            folder / names.HISTORY,
            terms=terms if len(terms) > 1 else [],
            scores=scores.names if scores else [],
        )
        write_json(folder / names.METRICS, {"status": "running", **self._metadata})

    def _prepare(
        self,
        folder: Path,
        reference: Tensor,
        metadata: Mapping[str, Any],
        frames: FramePlan,
        bits: int,
        scores: Scores | None,
    ) -> None:
        self._bits, self._scores = bits, scores if scores and scores.names else None
        self._folder, self._metadata, self._frames = folder, dict(metadata), frames.chosen()
        self._reference = reference.detach().cpu()
        self._first: Moment | None = None
        self._last: Moment | None = None
        self._best: Moment | None = None
        self._device = self._reference.device  # of the run, known from its first step on
        self._shown: int | None = None  # the step that result.png shows

    def record(self, step: Step) -> Row:
        """Write down one step and return its row."""
        self._device, kept = step.image.device, step.index in self._frames
        where = "cpu" if kept else self._device  # a copy to the host waits for the device: of frames alone
        # A copy: the optimizer goes on in the same memory.
        image = step.image.detach().to(where, self._reference.dtype, copy=True)
        row = measured(step, image, self._reference, whole=kept)
        if kept and self._scores:
            row = replace(row, scores=self._scores(step.image.detach()))
        self._history.append(row)
        self._last = (row, image)
        self._first = self._first or self._last
        if self._best is None or row.loss < self._best[0].loss:
            self._best = self._last
        if kept:
            save_image(image, names.frame_file(self._folder, step.index))
            self._show(self._best)
        return row

    def finish(self, stop_reason: str, levels: Levels | None = None) -> dict[str, Any]:
        """Write result.png, the best image by loss, the last frame wherever the run ended, and metrics.json; returns
        what the latter holds. Its status is `drawing`: all is there that figures are drawn from.

        Args:
            stop_reason: for people; the status is the same where it is `interrupted`.
            levels: the distance of an image at each level by the level's name; asked of the initial and the best image.

        Raises:
            ValueError: if no step was recorded.
        """
        if self._first is None or self._last is None or self._best is None:
            raise ValueError(f"The run ended before its first step: {stop_reason}")
        last, image = self._last
        self._show(self._best)
        if last.step not in self._frames:
            save_image(image.cpu(), names.frame_file(self._folder, last.step))
        self._history.sync()
        updates = last.step - self._first[0].step
        absent: dict[str, str] = {}
        results = {
            "status": stop_reason if stop_reason == "interrupted" else "drawing",
            "stop_reason": stop_reason,
            **self._metadata,
            "steps_made": last.step,
            "initial": self._figures(self._first, absent, levels),
            "best": self._figures(self._best, absent, levels),
            "final": self._figures(self._last, absent),
            "why_null": absent,
            "seconds": last.seconds,
            "seconds_per_step": last.seconds / updates if updates else None,
            "peak_memory_bytes": peak_memory(self._device),
        }
        write_json(self._folder / names.METRICS, results)
        return results

    def state(self) -> dict[str, Any]:
        """What `resume` needs, of numbers, lists and tensors alone: save it in one file with the optimizer's own state,
        so that both are of the same step. The history is on the disk when this returns.
        """
        self._history.sync()
        moments = {"first": self._first, "last": self._last, "best": self._best}
        return {
            name: None if moment is None else {"row": list(astuple(moment[0])), "image": moment[1].cpu()}
            for name, moment in moments.items()
        }

    @classmethod
    def resume(
        cls,
        folder: Path,
        reference: Tensor,
        *,
        metadata: Mapping[str, Any],
        frames: FramePlan,
        state: Mapping[str, Any],
        bits: int = 8,
        scores: Scores | None = None,
    ) -> Self:
        """Go on in the folder of an interrupted run: rows and frames after the step of `state` are removed, and what
        follows is as if nothing had happened.

        Args:
            folder: of the run.
            reference: the run's, not read back from reference.png, which is rounded to 8 bits.
            metadata: goes to metrics.json as it is.
            frames: the same plan.
            state: what `state` returned.
            bits, scores: the run's.

        Raises:
            ValueError: if the state is of no step, or the history does not reach its step.
        """
        recorder = cls.__new__(cls)
        recorder._prepare(folder, reference, metadata, frames, bits, scores)
        recorder._first, recorder._last, recorder._best = (
            _moment(state.get(name)) for name in ("first", "last", "best")
        )
        if recorder._first is None or recorder._last is None or recorder._best is None:
            raise ValueError("The checkpoint holds no recorded step to go on from; begin the run anew.")
        at_step = recorder._last[0].step
        cut(folder / names.HISTORY, at_step)
        write_json(folder / names.METRICS, {"status": "running", **recorder._metadata})
        for step, file in names.frame_files(folder).items():
            if step > at_step or step not in recorder._frames:
                file.unlink()
        recorder._history = HistoryWriter(folder / names.HISTORY, go_on=True)
        recorder._show(recorder._best)
        return recorder

    def _show(self, best: Moment) -> None:
        if self._shown != best[0].step:
            save_image(best[1].cpu(), self._folder / names.RESULT, self._bits)
            self._shown = best[0].step

    def _figures(self, moment: Moment, absent: dict[str, str], levels: Levels | None = None) -> dict[str, Any]:
        """The figures of an image. JSON has no infinity and no NaN: such a figure is null, for a reason in `absent`."""
        row, image = moment[0], moment[1].cpu()
        values = {"loss": row.loss, "score": row.score, "psnr": row.psnr}
        for name, similarity in (("ssim", ssim), ("ms_ssim", ms_ssim)):
            try:
                values[name] = similarity(image, self._reference).item()
            except ValueError as error:  # smaller than the window
                values[name], absent[name] = math.nan, str(error)
        if math.isinf(row.psnr):
            absent["psnr"] = "The image equals the reference: its PSNR is infinite."
        figures: dict[str, Any] = {"step": row.step} | _finite(values)
        if row.terms:
            figures["terms"] = _finite(row.terms)
        if self._scores:
            figures["scores"] = _finite(row.scores or self._scores(image))
        return figures | {"levels": _finite(levels(image))} if levels else figures


def measured(step: Step, image: Tensor, reference: Tensor, whole: bool) -> Row:
    """The row of a step whose image is `image`, (1, 3, H, W) in [0, 1]; SSIM, which takes long, where it is `whole`."""
    return Row(
        step.index,
        step.loss,
        step.score,
        step.learning_rate,
        psnr(image, reference.to(image)).item() if step.psnr is None else step.psnr,
        ssim_or_nan(image, reference.to(image)) if whole else math.nan,
        step.seconds,
        dict(step.terms) if len(step.terms) > 1 else {},
    )


def peak_memory(of: torch.device) -> dict[str, int]:
    """Most memory that was in use, in bytes: `host`, by this process so far, where the system reports it; `device`, on
    the CUDA device `of` since its statistics were reset.
    """
    device = {"device": torch.cuda.max_memory_allocated(of)} if of.type == "cuda" else {}
    if resource is None:
        return device
    return {
        "host": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    } | device


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    return {key: finite(value) for key, value in values.items()}


def _moment(saved: Mapping[str, Any] | None) -> Moment | None:
    return None if saved is None else (Row(*saved["row"]), saved["image"].cpu())
