"""What all measurements of speed share: subjects, clocks, the machine's limits, and results as data."""
