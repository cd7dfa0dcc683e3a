"""The outline of a person."""
