"""The embedded finder's networks."""
