"""Makes the parts of a player pack besides the net: the bank of frames, the shadow, the standby loop."""
