"""The parts of `tools.benchmark`: measurements of the show, and the page that is drawn from them."""
