"""Reads and writes videos and datasets of a player, for all tools."""
