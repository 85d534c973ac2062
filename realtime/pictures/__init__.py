"""The one reader of pictures that come in as a file or a stream, for the live show and for the tools.

opening (which stream of which file) → decoding (frames in order, damaged ones left out, fields made frames;
`stamps`) → conversion (upright, square pixels, SDR BT.709; `orientation`, `colour`, `hdr`). `reader` gives
the tools every frame of a file, `playing` plays a file or a stream for the show.
"""
