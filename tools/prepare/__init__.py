"""From videos of one player to the dataset that training reads.

files: sources (which videos, their digest), pictures, and the journal that keeps what each part has found, so
that an interrupted run goes on. Then scan (pose, person, what is wrong with each frame, how the camera moved)
→ tools.alignment (which frames show one scene) → scene (where each frame goes, what is behind the player)
→ refine (light, mattes) → report. `pipeline` calls them.
"""
