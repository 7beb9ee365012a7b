"""The page of a restoration."""
