"""How the camera of a clip moved, and its frames brought into one coordinate system ("held still").

    meter = Meter((width, height))                    # measure.py: one for each clip
    for picture, hidden in frames: meter(picture, hidden)
    chunk = meter.finish()                            # arrays, to be saved; again for the next frames
    alignment = align(chunks)                         # solve.py: once, when all chunks are there
    warp(picture, alignment.matrices[n], box)         # warp.py: a picture in its scene

`Meter` follows points on the background (the people are hidden from it) through each chunk of frames, against
keyframes of that chunk alone. `align` finds cuts, dissolves and title cards, matches the keyframes of all
chunks with each other wherever they show the same place, and solves for all of them together: so a camera
that pans away and comes back meets its first frame.

picture (the working picture, points to follow) → models (maps from points) → tracking (one picture against a
keyframe) → measure; transitions, matching, graph → solve; warp.
"""

from __future__ import annotations
