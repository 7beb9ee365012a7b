"""Distil a large backbone into a small one like the embedded `vgg_compact`, and judge it.

    python -m research.distill photos=DIR teacher=vgg16 weights=FILE          # a student and its card
    python -m research.distill.judge photos=DIR weights=FILE guided=4         # the embedded student beside that teacher
    python -m research.distill.judge photos=DIR weights=FILE student=FILE     # another student

`weights` are the teacher's. --help lists the settings; all is computed on the CPU.

`photographs` divides a folder, `crops` degrades, `targets` are the teacher's, `losses`, `muon` and `training` make the
student, `agreement` and `guidance` judge it, `card` writes down what came of it, and `kept` is what takes long.
"""
