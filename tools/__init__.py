"""Before and after the show."""
