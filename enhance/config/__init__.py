"""The typed settings of a run, their checks, and where conf/ lies. Nothing here imports torch."""
