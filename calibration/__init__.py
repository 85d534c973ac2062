"""The fan's body and place, and the transfer of the fan's pose to the player."""
