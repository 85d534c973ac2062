"""Measures the project, rather than serving a crew. This folder has the outputs and the link, one command
each.

`tools.benchmark` measures the show (`show/`), `tools.gpu_check` what only a GPU can show (`gpu_check/`),
`tools.ablate` and `tools.smoothing` the quality of the networks (`quality/`).
"""
