"""An optimisation or a restoration from its settings: built, made, recorded; `enhance.optimize`, `enhance.restore` and
the runs of the command.
"""
