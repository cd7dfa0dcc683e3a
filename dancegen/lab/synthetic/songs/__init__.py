"""Songs composed and played by the computer, with their beats and bars known."""
