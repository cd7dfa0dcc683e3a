"""Music to movement: one folder a backend, and what finishes any dance (`finish`)."""
