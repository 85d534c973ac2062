"""Finds each frame's place in the picture of its scene, and what is behind the player there."""
