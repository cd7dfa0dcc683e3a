"""Frames and sound to a file."""
