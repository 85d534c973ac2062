"""Layers over the programme: logos, loops and lines of text, and how they are prepared and laid on."""
