"""The training loops, one folder a network."""
