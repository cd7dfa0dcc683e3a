"""A textured shell in three dimensions, cut from the picture, that follows the dance and can turn."""
