"""The performer's process: from the camera's frames to the player's pictures, on their way to the playout."""
