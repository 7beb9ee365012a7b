"""
A metric of your own
====================

A function of two batches becomes a metric: it scores, it is an objective, and it stands beside others in a
sum. See :doc:`/howto/metric`.
"""

import matplotlib.pyplot as plt

import enhance


def edges(image, reference):
    """How far the horizontal and vertical differences are apart, (B,)."""
    rows, columns = ((image.diff(dim=axis) - reference.diff(dim=axis)).abs().mean((1, 2, 3)) for axis in (2, 3))
    return rows + columns


metric = enhance.as_metric(edges)

# %%
# Edges alone leave the mean colour undetermined; a second term with a small weight decides it. Both begin at noise.
both = [enhance.Term(metric), enhance.Term(enhance.load_metric("mse"), weight=0.5)]
alone = enhance.optimize("rocket", initial="noise", metric=metric, steps=60, size=96)
together = enhance.optimize("rocket", initial="noise", objective=both, steps=60, size=96)

figure, axes = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
for place, (title, result) in zip(axes, (("edges", alone), ("edges + 0.5 mse", together)), strict=True):
    place.imshow(result.image[0].permute(1, 2, 0))
    place.set_title(f"{title}, {result.history[-1].psnr:.1f} dB")
    place.axis("off")
plt.show()
