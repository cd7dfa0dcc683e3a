"""HotDance (Zhang et al. 2025): dances drawn as pictures of poses, segment by segment, on the picture's own body."""
