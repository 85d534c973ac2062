"""The parts of `tools.synthesize`: the dance of a whole video, smoothed, driven and painted."""
