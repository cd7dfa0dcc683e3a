"""A song: decoding, features, beats and bars."""
