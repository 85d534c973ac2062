"""All that a show may have as its camera: a device, a file, a stream, an NDI source, the rehearsal's picture.

`camera_name` says what the operator's word means, `video_source` opens it. `camera_list` lists what there is.
"""
