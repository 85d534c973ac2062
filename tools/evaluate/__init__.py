"""How good a player is: pictures, poses and motion, each by what the field measures."""
