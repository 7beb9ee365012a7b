"""Metrics: the protocol, the registry, the deep measures, and what libraries have."""
