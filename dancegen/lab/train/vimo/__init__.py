"""The training of the motion network of `capture/`."""
