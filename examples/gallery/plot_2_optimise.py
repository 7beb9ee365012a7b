"""
From white to a photograph
==========================

The pixels of a white image move down DeepJSD to a reference. After a few steps the colours are right, then
edges, then texture: the order in which the measure notices errors.
"""

import matplotlib.pyplot as plt

import enhance

kept = []


def keep(step):
    """Keep the images of some steps."""
    if step.index in (0, 2, 5, 10, 20, 40):
        kept.append((step.index, step.image[0].permute(1, 2, 0).numpy()))


result = enhance.optimize("chelsea", metric="deepjsd", steps=40, size=96, callback=keep)

figure, axes = plt.subplots(1, len(kept), figsize=(10, 2.2), layout="constrained")
for place, (index, image) in zip(axes, kept, strict=True):
    place.imshow(image)
    place.set_title(f"step {index}")
    place.axis("off")
plt.show()

# %%
# `history` has a row for each step.
figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
axes.semilogy([row.step for row in result.history], [row.loss for row in result.history])
axes.set(xlabel="step", ylabel="loss")
plt.show()
