"""What finds people, one file a detector."""
