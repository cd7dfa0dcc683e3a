"""Filling holes with the picture's own texture."""
