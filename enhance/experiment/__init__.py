"""An optimisation from its settings: built, made, recorded; `enhance.optimize` and the runs of the command."""
