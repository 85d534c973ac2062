"""Reads finished videos back, for tests."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def frames_of(path: Path) -> list[tuple[float, NDArray[np.uint8]]]:
    """The time in seconds and the (H, W, 3) BGR picture of every frame."""
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]


def layers_of(path: Path) -> list[NDArray[np.uint8]]:
    """The (H, W, 4) BGRA pictures of a video with transparency. FFmpeg's own VP9 decoder knows no alpha;
    libvpx does."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = stream.codec_context
        if decoder.name == "vp9":
            decoder = av.CodecContext.create("libvpx-vp9", "r")
        packets = [packet for packet in container.demux(stream) if packet.size]
        frames = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
        return [frame.to_ndarray(format="bgra") for frame in frames]
