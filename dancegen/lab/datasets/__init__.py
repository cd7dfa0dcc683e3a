"""Training data of the choreographers."""
