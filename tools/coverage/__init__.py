"""Whether a player's footage shows enough: how somebody stands, what should be seen, what was seen."""
