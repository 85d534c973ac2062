"""Training a player's generator; never imported by the show."""
