"""The parts of `tools.benchmark`: what is measured of the show, and the page that is drawn of it."""
