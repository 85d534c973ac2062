"""Films a player: decides what to ask of the player, checks the picture, and writes the files."""
