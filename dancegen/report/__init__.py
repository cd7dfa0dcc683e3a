"""The page about a video, and plots."""
