"""Objective, loop, parametrizations, schedules, stopping."""
