"""The figure and the table of examples/train_denoiser.py."""

from __future__ import annotations

import csv
from pathlib import Path

from torch import Tensor

import enhance
from enhance.images.arrays import to_array
from enhance.metrics.psnr_ssim import psnr, ssim
from enhance.report.crops import zoom
from enhance.report.style import FAINT, INK, VERMILION, figure, plain, save


def report(
    images: dict[str, Tensor], reference: Tensor, second: enhance.DeepWSD, folder: Path
) -> dict[str, dict[str, float]]:
    """The figures of each image, printed, and written to the folder with the images and the drawing of them."""
    figures = {name: evaluate(image, reference, second) for name, image in images.items()}
    draw({**images, "reference": reference}, figures, folder / "training")
    for name, image in {**images, "reference": reference}.items():
        enhance.save_image(image, folder / f"{name.split()[0]}.png")
    with open(folder / "training.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ("image", *figures["noisy"]))
        writer.writeheader()
        writer.writerows({"image": name} | numbers for name, numbers in figures.items())
    for name, numbers in figures.items():
        print(f"{name}: " + ", ".join(f"{metric} {value:.4f}" for metric, value in numbers.items()))
    return figures


def evaluate(image: Tensor, reference: Tensor, second: enhance.DeepWSD) -> dict[str, float]:
    """Every metric of one image. Of the deep scores, which belong to their backbones, lower is better."""
    own = enhance.DeepJSD(prefilter=False, padding="up")
    return {
        "PSNR": psnr(image, reference).item(),
        "SSIM": ssim(image, reference).item(),
        f"DeepJSD in {own.backbone.name}": own.score(image, reference).item(),
        f"DeepWSD in {second.backbone.name}": second.score(image, reference).item(),
    }


@plain
def draw(images: dict[str, Tensor], figures: dict[str, dict[str, float]], path: Path) -> None:
    """Noisy image, twins and reference with their figures, and below the square where the twins differ most."""
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    arrays = [to_array(image) for image in images.values()]
    height, width = arrays[0].shape[:2]
    top, left, side = zoom(arrays[1], arrays[2], min(height, width) // 3)
    drawn = figure(7.1, 7.1 / len(images) * (height / width + 1) + 0.55)
    rows = drawn.subplots(2, len(images), gridspec_kw={"height_ratios": (height / width, 1)}, squeeze=False)
    drawn.subplots_adjust(0.004, 0.005, 0.996, 1 - 0.53 / drawn.get_figheight(), 0.03, 0.03)
    for array, name, whole, part in zip(arrays, images, *rows, strict=True):
        whole.imshow(array)
        part.imshow(array[top : top + side, left : left + side])
        corner = (left - 0.5, top - 0.5)
        box = whole.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=VERMILION, linewidth=0.9))
        box.set_path_effects([withStroke(linewidth=1.7, foreground="white")])
        for axis, colour in ((whole, FAINT), (part, VERMILION)):
            axis.set(xticks=[], yticks=[])
            for spine in axis.spines.values():
                spine.set(color=colour, linewidth=0.8)
        for line, size, points in zip((name, *_lines(figures.get(name))), (8.5, 7, 7), (27, 15, 4.5), strict=False):
            place = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "center"}
            whole.annotate(line, (0.5, 1), (0, points), fontsize=size, color=INK, **place)
    save(drawn, path)


def _lines(figures: dict[str, float] | None) -> tuple[str, ...]:
    if figures is None:
        return ()
    peak, similarity, own, second = figures.values()
    return f"PSNR {peak:.2f} dB   SSIM {similarity:.3f}", f"DeepJSD {own:.3f}   DeepWSD {second:.3f}"
