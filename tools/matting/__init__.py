"""Cuts a person out of a frame: a small network that refines the landmark net's mask, and its training."""
