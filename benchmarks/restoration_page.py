"""The prose of docs/restoration.md around the table of benchmarks/restoration.py."""

HEAD = """\
# Restoration

What `enhance.restore` and `python -m enhance task=denoise|deblur|jpeg|upscale image=FILE` make of {count} photographs,
each a square of {side} pixels, degraded with a known seed. PSNR in dB over the three channels, means over the
photographs; seconds of the processor for one square. Peers have the best parameter of a grid for each photograph by the
clean picture, which nobody has in practice, and CBM3D the noise level; the restoration is told what its row says and
nothing else. This page is written by

```sh
python -m benchmarks.restoration --photos FOLDER --side 192 --jpeg-quantsmooth PROGRAM --jpeg2png PROGRAM
```

enhance {version}, torch {torch}, {threads} thread(s), weights {weights}.

| degradation | told | before | restored | gain | peers | seconds |
|---|---|---|---|---|---|---|
"""

FOOT = """
## Where it fails

- Noise that a camera has smoothed or that was saved as a JPEG is correlated: it is estimated too low. Give
  `degradation.sigma=`.
- A blur that was saved as a JPEG, or that is none of the three kinds, is mostly not seen or not certain: it is asked
  for. Give `degradation=` with its size, or `kernel=`.
- Text and drawings: their edges are no photograph's, and both the denoiser and the estimates are made for photographs.
- A JPEG that was decoded and saved anew holds only its last tables; one that was saved as PNG holds none: refused.
- Film grain is noise to the denoiser and goes.

## What was tried

Coupling by a deep measure: from the result for the blur of 1.6, 40 steps of Adam on the misfit to what was observed
and, in place of a squared difference, DeepJSD to what the denoiser makes of the picture, renewed every ten steps. On
four squares the result had 30.91 dB and LPIPS 0.079 before; after it 29.74 and 0.093 with the best of three weights,
and a squared difference in its place gave 30.71 and 0.087. The measure leaves too much free for noise to be fitted,
and it is not part of the package. As a loss of the denoiser's last layers it does help: `denoiser.perception`.
"""
