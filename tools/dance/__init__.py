"""Who was seen in a video: the dance of every person, repaired, smoothed, and turned into a player's."""
