"""Videos and datasets of a player, and what every tool asks of them."""
