"""The contact sheet: results side by side, the two settings that vary most as columns and rows."""

from __future__ import annotations

from io import BytesIO

import matplotlib.style
from matplotlib.figure import Figure

from enhance.runs import folder as names
from enhance.runs.crops import picture
from enhance.runs.figures import INK
from enhance.sweeps.jobs import Job, Sweep

_MOST = 60  # pictures on a sheet
_PIXELS = 384
Axis = tuple[str, list[str]]


def grid(sweep: Sweep) -> tuple[Axis, Axis, dict[tuple[str, str], Job]]:
    """Columns, rows, and the job in each cell: by the two settings of the most values where these tell all jobs apart,
    else one row of all jobs.
    """
    values = {key: list(dict.fromkeys(job.settings.get(key, "-") for job in sweep.jobs)) for key in sweep.varying}
    keys = sorted(sweep.varying, key=lambda key: -len(values[key]))[:2]
    if len(keys) == 2:
        cells = {(job.settings.get(keys[1], "-"), job.settings.get(keys[0], "-")): job for job in sweep.jobs}
        if len(cells) == len(sweep.jobs):
            return (keys[0], values[keys[0]]), (keys[1], values[keys[1]]), cells
    labels = {f"{job.number}: {sweep.label(job)}" if len(keys) != 1 else sweep.label(job): job for job in sweep.jobs}
    return (", ".join(sweep.varying), list(labels)), ("", [""]), {("", label): job for label, job in labels.items()}


def contact_sheet(sweep: Sweep) -> bytes | None:
    """A PNG of the results, PSNR under each; None where no job has one."""
    (_, columns), (down, rows), cells = grid(sweep)
    if len(rows) == 1 and len(columns) > 6:  # a long row is broken into several
        wide = 6
        places = {place: cells[rows[0], name] for place, name in enumerate(columns)}
        shape, titled = (
            (-(-len(columns) // wide), wide),
            [
                [
                    (columns[place], places.get(place)) if (place := row * wide + column) < len(columns) else ("", None)
                    for column in range(wide)
                ]
                for row in range(-(-len(columns) // wide))
            ],
        )
    else:
        shape = (len(rows), len(columns))
        titled = [
            [(name if number == 0 else "", cells.get((row, name))) for name in columns]
            for number, row in enumerate(rows)
        ]
    if len(sweep.jobs) > _MOST or not any((job.folder / names.RESULT).is_file() for job in sweep.jobs):
        return None
    pictures = {
        job.folder: picture(job.folder / names.RESULT, _PIXELS)
        for job in sweep.jobs
        if (job.folder / names.RESULT).is_file()
    }
    ratio = min(max(max(image.shape[0] / image.shape[1] for image in pictures.values()), 0.3), 1.6)
    side, left = 1.7, 0.3 if down else 0.05
    with matplotlib.style.context("default"):
        figure = Figure((shape[1] * side + left, shape[0] * (side * ratio + 0.22) + 0.3), dpi=200, facecolor="white")
        axes = figure.subplots(*shape, squeeze=False)
        figure.subplots_adjust(
            left=left / figure.get_figwidth(),
            right=0.995,
            bottom=0.24 / figure.get_figheight(),
            top=1 - 0.3 / figure.get_figheight(),
            wspace=0.03,
            hspace=0.16 / ratio,
        )
        for number, line in enumerate(titled):
            for place, (title, job) in enumerate(line):
                axis = axes[number][place]
                axis.set_xticks([])
                axis.set_yticks([])
                for spine in axis.spines.values():
                    spine.set_visible(False)
                if title:
                    axis.set_title(title, fontsize=7.5, color=INK, pad=3)
                if place == 0 and down:
                    axis.set_ylabel(rows[number], fontsize=7.5, color=INK)
                if job is None:
                    continue
                if job.folder in pictures:
                    axis.imshow(pictures[job.folder], interpolation="lanczos")
                else:
                    axis.text(
                        0.5, 0.5, job.state, ha="center", va="center", fontsize=7.5, color=INK, transform=axis.transAxes
                    )
                value = job.figure("psnr")
                if value is not None:
                    axis.set_xlabel(f"{value:.2f} dB", fontsize=7, color=INK, labelpad=2)
        data = BytesIO()
        figure.savefig(data, format="png", metadata={"Software": None})
    return data.getvalue()
