"""A recording of a show's inputs: what lies in its folder, how it is written, and how it is read again.

`run_live.py --record-inputs` makes one, `outputs.input_stage` writes its pictures, `cameras.replay` plays it
as a camera, and `tools.replay` runs the show again.
"""
