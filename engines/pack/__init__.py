"""A trained player on disk: the pack's manifest and files, and its bank of frames."""
