"""The measures on a GPU, as a page: docs/gpu.md. It needs torch, NumPy and a checkout, and takes minutes.

    make gpu                                                      # or: python -m benchmarks.gpu
    python -m benchmarks.gpu --device cpu --small --page try.md   # tries the script where there is no GPU

Values and gradients beside the CPU in double precision, the loop with its repetition and resumption, half precision,
and what a step costs. Every number on the page is measured by this run.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from benchmarks.gpu_checks import CHECKS, Row, Setting
from enhance.metrics.registry import display_name
from enhance.utils.machine import VERSION, processor

PAGE = Path(__file__).resolve().parents[1] / "docs" / "gpu.md"
UNMEASURED = """\
# On a GPU

Not measured. `make gpu` measures on the first CUDA device, with torch, NumPy and this checkout alone, and writes this
page.
"""
NOTES = {
    "Parity": "Relative errors in single precision, beside the CPU in double precision; of the gradient its norm.",
    "The loop": (
        "{steps} steps of Adam from white. Same: the largest difference of a pixel, of a second run, of one that goes "
        "on from a checkpoint's file, and of two with torch's deterministic algorithms, whose step costs as many times "
        "as much as the last column says. 0 is the same to the last bit."
    ),
    "Half precision": (
        "The network under autocast: whether loss and gradient are finite, and how far the loss moves, relatively."
    ),
    "Cost of a step": (
        "A step is loss and gradient against a prepared reference; the network is its forward pass and a backward pass "
        "from all its features, both in the precision that the third column names. Operators are those dispatched that "
        "are no views."
    ),
}
LIMITS = {"loss": 1e-4, "score": 1e-4, "gradient": 1e-2}  # of parity


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="small images and few rounds")
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args(arguments)
    device = torch.device(given.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print(
            "torch finds no CUDA device here, and docs/gpu.md stays as it is; --device cpu --small --page FILE tries "
            "the script.",
            file=sys.stderr,
        )
        return 2
    if device.type != "cuda" and given.page == PAGE:
        print("docs/gpu.md is for GPUs; name another file with --page FILE.", file=sys.stderr)
        return 2
    setting = (
        Setting(device, size=32, steps=4, rounds=2, backbones=("vgg_compact",)) if given.small else Setting(device)
    )
    began, found = time.perf_counter(), dict[str, list[Row]]()
    for name, check in CHECKS.items():
        found[name] = check(setting)
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
    given.page.write_text(page(setting, found), encoding="utf-8")
    faults = list(wrong(found))
    print(*faults, f"{given.page}, after {time.perf_counter() - began:.0f} s", sep="\n")
    return int(bool(faults))


def wrong(found: dict[str, list[Row]]) -> Iterable[str]:
    """A sentence for each row that is outside its limits."""
    for row in found["Parity"]:
        for name, limit in LIMITS.items():
            if not row[name] <= limit:
                where = display_name(row["measure"], row["backbone"])
                yield f"{where}: the {name} is off by {row[name]:.1e}, limit {limit:.0e}."
    for row in found["The loop"]:
        if not row["loss at last"] < row["loss at first"]:
            yield f"{display_name(row['measure'])}: the loop did not lower the loss {row['loss at first']:.3g}."
        if row["deterministic: same twice"]:
            gap = row["deterministic: same twice"]
            yield f"{display_name(row['measure'])}: two deterministic runs differ by {gap:.1e}."
    for row in found["Half precision"]:
        if not row["finite"]:
            where = f"with the network in {row['network in']}"
            yield f"{display_name(row['measure'])}: loss or gradient are not finite {where}."


def page(setting: Setting, found: dict[str, list[Row]]) -> str:
    """Markdown: the machine, a table for each check, and what is outside its limits."""
    cuda = setting.device.type == "cuda"
    device = torch.cuda.get_device_name(setting.device) if cuda else processor()
    versions = f"enhance {VERSION}, torch {torch.__version__}"
    versions += f", CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}" if cuda else ""
    where = f"{device}; {versions}. {setting.size} x {setting.size} pixels, {setting.backbones[0]} with random weights"
    parts = ["# On a GPU" if cuda else "# On a CPU", f"Measured by `python -m benchmarks.gpu`: {where}."]
    for name, rows in found.items():
        parts += [f"## {name}", NOTES[name].format(steps=setting.steps), table(rows)]
    faults = list(wrong(found))
    parts += ["## Outside its limits", "\n".join(f"- {fault}" for fault in faults) if faults else "Nothing."]
    return "\n\n".join(parts) + "\n"


def table(rows: list[Row]) -> str:
    """The rows as Markdown; numbers are aligned to the right."""
    names = list(rows[0])
    aligned = ["---" if isinstance(rows[0][name], str) else "---:" for name in names]
    lines = [names, aligned, *([_cell(row[name]) for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.3g}"
    return display_name(str(value))


if __name__ == "__main__":
    sys.exit(main())
