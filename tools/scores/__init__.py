"""Measures how similar pictures are, to each other and to people's eyes, and how near joints are to the true
ones."""
