"""Choosing a file of an image: the smallest at a distance, or the best within a number of bytes."""
