"""Compiles a show's networks before the show: `python -m engines.build`."""
