"""Checks everything that must be seen on a GPU, in one command of a few minutes: `python -m
tools.gpu_check`."""
