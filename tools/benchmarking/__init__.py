"""The parts of `tools.benchmark`: what is measured, how, and how the figures are written down."""
