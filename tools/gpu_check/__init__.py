"""Everything that must be seen on a GPU, in one command of minutes; see `tools.gpu_check.__main__`."""
