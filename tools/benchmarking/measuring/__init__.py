"""What all measurements of speed share: subjects, clocks, limits of the machine, and results as data."""
