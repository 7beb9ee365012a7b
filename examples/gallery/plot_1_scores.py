"""
What metrics see
================

One photograph at decreasing JPEG quality, scored by four metrics. Each has its own scale, so the scores are
drawn between those of the best and of the worst file: what counts is the order, and where a metric begins to
notice.
"""

import matplotlib.pyplot as plt

import enhance

reference = enhance.load_image("coffee")[..., 100:292, 200:456]
qualities = [95, 85, 70, 50, 35, 20, 10, 5]
images = [enhance.degrade(reference, "jpeg", quality=quality, subsampling=2) for quality in qualities]

# %%
# A metric is a module of two batches; `scores` has the numbers as published, one for each image.
metrics = {name: enhance.load_metric(name) for name in ("deepwsd", "deepjsd", "ssim", "mse")}
scores = {name: [float(metric.scores(image, reference)) for image in images] for name, metric in metrics.items()}

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for name, values in scores.items():
    first, last = values[0], values[-1]
    axes.plot(qualities, [(value - first) / (last - first) for value in values], marker="o", label=name)
axes.set(xlabel="JPEG quality", ylabel="score, 0 at quality 95, 1 at quality 5", xlim=(100, 0))
axes.legend()
plt.show()

# %%
# What a number means is said in the terms of degradations that people know.
print(enhance.meaning(scores["deepjsd"][3], "deepjsd"))
