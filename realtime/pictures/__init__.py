"""The one reader of pictures that come in as a file or a stream, for the live show and for the tools; and
what is done with single pictures.

opening (which stream of which file) → decoding (frames in order, damaged ones left out, fields made frames;
`stamps`) → conversion (upright, square pixels, SDR BT.709; `orientation`, `colour`, `hdr`). `reader` gives
the tools every frame of a file, `playing` plays a file or a stream for the show, `video_loop` a file that
goes round and round. `picture` fits one picture into another, `alpha` puts one with alpha before another.
`timecode` draws the time into one, and reads it.
"""
