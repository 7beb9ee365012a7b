"""
Where two images differ
=======================

A photograph with two faults: its left third is blurred, its right third coarsely coded. The map of a deep
measure shows both, and sums to the loss.
"""

import matplotlib.pyplot as plt

import enhance

reference = enhance.load_image("coffee")[..., 100:292, 180:468]
image = reference.clone()
image[..., :96] = enhance.degrade(reference, "gaussian_blur", sigma=3)[..., :96]
image[..., 192:] = enhance.degrade(reference, "jpeg", quality=5, subsampling=2)[..., 192:]

metric = enhance.DeepWSD(layout="spatial")
where = metric.map(image, reference)[0]

# %%
# Bright is far.
figure, axes = plt.subplots(1, 3, figsize=(10, 2.6), layout="constrained")
pictures = (("reference", reference), ("blurred left, coded right", image))
for place, (title, picture) in zip(axes, pictures, strict=False):
    place.imshow(picture[0].permute(1, 2, 0))
    place.set_title(title)
axes[2].imshow(where, cmap="magma")
axes[2].set_title("where they differ")
for place in axes:
    place.axis("off")
plt.show()

# %%
# The levels of the backbone, from the image itself to the deepest.
print([round(float(level), 4) for level in metric.layers(image, reference)[0]])
print(f"{float(where.sum()):.4f} is {float(metric(image, reference)):.4f}")
