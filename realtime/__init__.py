"""The show, in the order a frame meets it."""
