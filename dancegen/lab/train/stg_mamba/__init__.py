"""Training STG-Mamba."""
