"""What a player's picture is painted with: the generator, the composite with doll and plate, the shadow."""
