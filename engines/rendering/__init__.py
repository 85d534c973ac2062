"""From a pose to the player's picture: doll, generator and composite, on a CPU or on a device."""
