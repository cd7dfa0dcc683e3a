"""Measurements of the networks."""
