"""Pictures without people: resizing, filling, matting."""
