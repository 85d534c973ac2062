"""The parts of `tools.prepare`: from videos of one player to the dataset that training reads."""
