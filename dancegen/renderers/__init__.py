"""Skeletons to frames: one folder a backend."""
