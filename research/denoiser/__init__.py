"""Training of the embedded denoiser, from a checkout, on the package."""
