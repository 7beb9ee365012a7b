"""The prose of docs/restoration.md around the table of benchmarks/restoration.py."""

HEAD = """\
# Restoration

What `enhance.restore` and `python -m enhance task=denoise|deblur|jpeg|upscale image=FILE` make of {count} photographs,
each a square of {side} pixels, degraded with a known seed. PSNR in dB over the three channels, means over the
photographs; seconds of the processor for one square. Peers have the best parameter of a grid for each photograph by the
clean picture, which nobody has in practice, and CBM3D the noise level (of a camera's noise the best of four multiples
of it); the restoration is given what its row says and nothing else. This page is written by

```sh
python -m benchmarks.restoration --photos FOLDER --side 192 --jpeg-quantsmooth PROGRAM --jpeg2png PROGRAM
```

enhance {version}, torch {torch}, {threads} thread(s), weights {weights}.

| degradation | given | before | restored | gain | peers | seconds |
|---|---|---|---|---|---|---|
"""

FOOT = """
Total variation, with the best of its weights for each photograph, is a stronger peer than Wiener's filter and
Richardson-Lucy.

![Before, restored and clean, of noise, a JPEG, a blur and a reduction](restorations.jpg)

Before, restored and clean: noise of 50, a JPEG of quality 10, a blur of 1.6, and a reduction by 2
(`python -m benchmarks.restoration_pictures`).

## Which blur it is

`task=deblur` without a degradation estimates the kind of blur and its size, and takes a kind that is at least 95 %
probable; else it asks. Each photograph with a blur of each kind, of a random size in the range that is looked for and
with a noise of 0.5 or 2 of 255, and left sharp, shaken along a random path, and blurred and saved as a JPEG of quality
90: how many were stated, how many of these were right, and by how much the stated size and angle are off
(`python -m benchmarks.blur_kinds FOLDER --every 14 --seed 1`, and a second folder without `--every`; not all of each
folder was measured).

| 29 photographs held out, 170 to 400 pixels | stated | of these right | size off: median, 95 % | angle off: the same |
|---|---|---|---|---|
| sharp | 0 of 29 | 0 | - | - |
| Gaussian blur | 20 of 29 | 20 | 1.6 %, 6.5 % | - |
| motion blur | 28 of 29 | 28 | 1.2 %, 2.3 % | 0.9, 2.0 degrees |
| disk blur | 27 of 29 | 27 | 0.7 %, 1.9 % | - |
| camera shake | 1 of 29 | 0 | - | - |
| JPEG | 2 of 29 | 2 | 2.2 %, 3.3 % | - |

| 6 photographs of Kodak's, 768 x 512 | stated | of these right | size off: median, 95 % | angle off: the same |
|---|---|---|---|---|
| sharp | 0 of 6 | 0 | - | - |
| Gaussian blur | 3 of 6 | 3 | 4.8 %, 8.1 % | - |
| motion blur | 6 of 6 | 6 | 0.7 %, 2.1 % | 0.4, 0.8 degrees |
| disk blur | 5 of 6 | 5 | 0.8 %, 1.3 % | - |
| camera shake | 0 of 6 | 0 | - | - |
| JPEG | 0 of 6 | 0 | - | - |

The shake that was stated was a path of few pixels, taken for a motion of 3.1. A Gaussian after a disk is mostly taken
for a Gaussian of their common size, and a picture that was enlarged is as soft as a Gaussian of 1 makes it.

## Tiles

The denoiser sees large pictures in tiles that overlap by 64 pixels on each side. With `denoiser.tile=192` on pictures
of 768 x 512, noise of 25 removed from two and a blur of 1.6 undone in one, the error within 8 pixels of the tiles'
borders is 1.0000 times that without tiles, as it is elsewhere, and no pixel differs by more than 0.002 of 255.

A blur of 2 undone in 12 megapixels (4000 x 3000, 8 bits, one pass, by the command) takes 3.84 GB of memory at most,
noise of 20 removed 3.39 GB, a JPEG of quality 15 repaired 2.77 GB. One megapixel (1248 x 832) takes 3 seconds for
noise, 3 for a JPEG and 42 for a blur, on one core of a busy machine.

## Where it fails

- Noise that a camera has smoothed is correlated from pixel to pixel. It is seen where it is stronger than 1.25 of 255
  in the picture at half its size, and in colour; weaker noise, that of grey pictures, and what a JPEG has kept of it
  are estimated too low: give `degradation.sigma=`. In a picture that is all texture, such as foam, as much of the
  texture as differs between the colours is taken for noise. Noise that is smeared wider, as by a Gaussian of 1.6 pixels
  or more, may not be seen at all.
- A blur that was saved as a JPEG, or that is none of the three kinds, is mostly not seen or not certain: it is asked
  for. Give `degradation=` with its size, or `kernel=`.
- A blur that is given too large is undone too far: five squares held out, 22.5 dB with a blur of 1.6 and noise of 2,
  have 26.6 dB when given 1.6, 25.6 when given 1.4, and 24.7 when given 1.8.
- Text and drawings: their edges are no photograph's, and both the denoiser and the estimates are made for photographs.
- A JPEG that was decoded and saved anew holds only its last tables; one that was saved as PNG holds none: `task=jpeg`
  recognises it by its blocks and refuses it.
- Film grain is noise to the denoiser and goes.

## What was tried

Coupling by a deep measure: from the result for the blur of 1.6, 40 steps of Adam on the misfit to what was observed
and, in place of a squared difference, DeepJSD to what the denoiser makes of the picture, renewed every ten steps. On
four squares the result had 30.91 dB and LPIPS 0.079 before; after it 29.74 and 0.093 with the best of three weights,
and a squared difference in its place gave 30.71 and 0.087. The measure leaves too much free for noise to be fitted,
and it is not part of the package. As a loss of the denoiser's last layers it does help: `denoiser.perception`.

Weights that learned from white noise alone, coupled by six passes: 29.70 and 26.41 dB for the blurs of 1.6 and 3,
1.25 and 1.01 dB above total variation. Other numbers of passes and levels, and pictures turned from pass to pass or
in all eight ways, gave at most 0.13 dB more. Today's weights were trained on with what the passes of restorations
give the denoiser, which costs some of the quality for white noise, so they are a mean with the weights before. With
25 % of those and eight passes, five squares of Kodak's gain 0.16 and 0.58 dB, and white noise is removed worse by
0.09 dB; with 70 %, as in the package, 0.20 and 0.30 dB, and worse by 0.02 dB. Twelve passes and more trust in the
denoiser suit them: on ten photographs held out the gains are then 0.33 and 0.41 dB.
"""
