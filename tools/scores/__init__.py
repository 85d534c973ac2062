"""How like pictures are, to each other and to people, and how near joints lie to the true ones."""
