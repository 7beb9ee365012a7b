"""Files <-> RGB tensors (B, 3, H, W) in [0, 1]; samples."""
