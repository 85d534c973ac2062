"""Judges a player's pictures, poses and motion, each with the field's own measures."""
