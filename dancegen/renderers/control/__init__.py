"""What controls animators of pictures: the frame, pose pictures, face crops."""
