"""The paper doll: pictures of the player cut into parts, chosen for a pose, bent onto it, drawn."""
