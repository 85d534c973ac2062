"""The playout's process: what goes out at each tick of the programme's clock."""
