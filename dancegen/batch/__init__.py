"""Folders of songs and pictures: the plan, its jobs in SQLite, workers as processes or on Ray."""
