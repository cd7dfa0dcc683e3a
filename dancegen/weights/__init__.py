"""Checkpoints: manifest, Hub, verification."""
