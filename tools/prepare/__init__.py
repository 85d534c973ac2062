"""Turns videos of one player into the dataset that training reads.

`pipeline` calls the passes: scan (pose, person, faults of each frame, camera motion) → tools.alignment (which
frames show one scene) → scene (where each frame goes, what is behind the player) → refine (light, mattes) →
report. `files` has the videos, the pictures, and the journal that keeps each pass's results, so that an
interrupted run continues.
"""
