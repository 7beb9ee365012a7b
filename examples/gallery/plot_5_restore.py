"""
Restore without a reference
===========================

A noisy photograph, and nobody has the clean one: the noise is estimated, and taken away by the small denoiser
that comes with the package. The clean photograph is here only to compare. See :doc:`/howto/restore`.
"""

import matplotlib.pyplot as plt

import enhance

clean = enhance.load_image("chelsea")[..., 40:232, 100:356]
noisy = enhance.degrade(clean, "gaussian_noise", sigma=25)
restored = enhance.restore(noisy, "denoise")
print(restored.assumed)

# %%
# Noisy, restored, and the photograph that the program never saw.
psnr = enhance.load_metric("psnr")
figure, axes = plt.subplots(1, 3, figsize=(10, 2.8), layout="constrained")
pictures = (("noisy", noisy), ("restored", restored.image), ("clean", clean))
for place, (title, picture) in zip(axes, pictures, strict=True):
    place.imshow(picture[0].permute(1, 2, 0))
    place.set_title(title if picture is clean else f"{title}, {float(psnr.scores(picture, clean)):.1f} dB")
    place.axis("off")
plt.show()
