"""Compiles the networks of a show ahead of it: `python -m engines.build`."""
