"""Filming a player: what to ask of him, whether the picture is good enough, and the files."""
