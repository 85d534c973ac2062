"""Cameras and the venue: stage floor and mark, a check of the picture, the lens; kept in venues/NAME.toml."""
