"""Who stands where, and what time it is."""
