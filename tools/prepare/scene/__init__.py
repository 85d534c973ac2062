"""Where each frame goes in the picture of its scene, and what is behind the player there."""
