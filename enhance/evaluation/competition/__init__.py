"""Maximum differentiation competition: pairs of images that a metric calls equal and people do not."""
