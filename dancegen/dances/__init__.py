"""Dances that are kept: the dance file, takes, bars, scores, import and export."""
