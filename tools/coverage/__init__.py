"""Tells whether a player's footage shows enough: measures postures, and counts which of the needed ones were
seen."""
