"""G_r, which retouches what cutting and moving cannot do."""
