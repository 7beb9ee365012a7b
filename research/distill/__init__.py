"""Distil a large backbone into a small one like the embedded `vgg_compact`, and evaluate it; see research/README.md.

    python -m research.distill photos=DIR teacher=vgg19             # a student and its card
    python -m research.distill.evaluate photos=DIR teacher=vgg19 student=FILE

`photographs` divides a folder, `crops` degrades, `targets` are the teacher's, `losses`, `muon` and `training` make the
student, `on_policy` makes images with it, `agreement` and `transfer` evaluate it, `card` writes down where it comes
from, and `cache` keeps what takes long.
"""
