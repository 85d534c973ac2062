"""Control surfaces: OSC and its feedback, MIDI controllers, lighting desks by Art-Net."""
