"""Trains a player's generator. The show never imports it."""
