"""The whole job, from a request to frames."""
