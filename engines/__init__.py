"""The networks of the show, and how they are compiled."""
