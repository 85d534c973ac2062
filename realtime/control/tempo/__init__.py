"""The music's tempo from other machines: MIDI clock, Ableton Link; and the process that follows it."""
