"""Cuts a person out of a frame: a small network that sharpens what a landmark net sees of him, and its
training."""
