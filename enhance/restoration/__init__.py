"""Restoration of photographs: denoisers, and what couples them to an observation."""
