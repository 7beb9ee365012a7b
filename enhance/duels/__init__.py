"""Maximum differentiation of two metrics: four images, their figures, and a page."""
