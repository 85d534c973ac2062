"""Finds how the camera of a clip moved, and brings its frames into one coordinate system ("held still").
`tools.prepare` uses it.

    meter = Meter((width, height))                    # measure.py: one for each clip
    for picture, hidden in frames: meter(picture, hidden)
    chunk = meter.finish()                            # arrays, to be saved; again for the next frames
    alignment = align(chunks)                         # solve.py: once, when all chunks are there
    warp(picture, alignment.matrices[n], box)         # warp.py: a picture in its scene

`Meter` follows points on the background (people are hidden) through each chunk of frames, against keyframes
of that chunk alone. `align` finds cuts, dissolves and title cards, matches the keyframes of all chunks
wherever they show the same place, and solves for all of them together. So a camera that pans away and comes
back is aligned with its first frame.

picture (the working picture, points to follow) → models (maps from points) → tracking (one picture against a
keyframe) → measure; transitions, matching, graph → solve; warp.
"""

from __future__ import annotations
