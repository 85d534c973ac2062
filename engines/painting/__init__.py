"""Paints the player's picture: the generator, its composite with doll and plate, and the shadow."""
