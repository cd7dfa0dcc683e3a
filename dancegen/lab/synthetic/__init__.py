"""Training frames of rigged and drawn people."""
