"""Kits: everything that one of the large animators wants to be given for a dance and a picture."""
