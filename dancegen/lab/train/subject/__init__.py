"""Training the finder."""
