"""When the programme ticks, which frame a tick takes, and how long it waits for the beat. Pure."""
