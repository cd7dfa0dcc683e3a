"""Styles learnt from a few dances: dances to phrases by the beat, phrases to codes, codes to a style."""
