"""Wan-Animate by diffusers: a filmed person, on a GPU."""
