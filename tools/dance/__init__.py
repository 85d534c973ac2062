"""Finds the dance of every person in a video, repairs and smooths it, and turns it into a player's
landmarks."""
