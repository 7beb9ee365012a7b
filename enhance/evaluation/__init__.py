"""Data sets, subjective scores, correlations."""
