"""The last touch on any dance: facing, ground, size."""
