"""Training the renderer's networks."""
