"""The commands before and after the show."""
