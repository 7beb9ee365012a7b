"""The typed settings of a run, what their types and numbers admit, and where conf/ lies. Nothing here imports torch."""
