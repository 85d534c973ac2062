"""The show that is tried: its processes and API, and the stand-ins for its camera, networks and viewers."""
