"""What measures the project rather than serves a crew; here the outputs and the link, a command each.

`tools.benchmark` measures the show (`show/`), `tools.gpu_check` what only a GPU can show (`gpu_check/`),
`tools.ablate` and `tools.smoothing` how good the networks are (`quality/`).
"""
