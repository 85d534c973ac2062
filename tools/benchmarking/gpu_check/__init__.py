"""Everything that must be seen on a GPU, in one command of minutes: `python -m tools.gpu_check`."""
