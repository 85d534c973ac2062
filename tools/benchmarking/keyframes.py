"""Measures what a viewer that floods the show with keyframe requests costs its neighbour.

    python -m tools.benchmarking.keyframes
    python -m tools.benchmarking.keyframes --bitrate 4000000 --seconds 30

The clip is encoded for two viewers of the same picture. The second one asks for a keyframe (PLI) at every
picture, or never. The result is the mean PSNR, in dB over all three planes, of the pictures that the first
one decodes. Time is the pictures' own, so that a busy machine changes nothing. Needs no network.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from unittest import mock

import av
import cv2
import numpy as np
from aiortc.codecs.h264 import H264PayloadDescriptor

from realtime.outputs.h264 import I420, EncoderSettings, to_i420
from realtime.outputs.webrtc import shared_encoder as video_source
from realtime.outputs.webrtc.shared_encoder import SharedEncoder as VideoSource
from realtime.outputs.webrtc.shared_encoder import Viewer

CLIP = Path(__file__).resolve().parents[2] / "assets" / "fan_dance.mp4"
FPS = Fraction(30)


def pictures_of(clip: Path, size: tuple[int, int], most: int) -> list[I420]:
    """The clip's first pictures, scaled to the size (w, h)."""
    video = cv2.VideoCapture(str(clip))
    pictures: list[I420] = []
    while len(pictures) < most:
        ok, picture = video.read()
        if not ok:
            break
        pictures.append(to_i420(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)))
    video.release()
    return pictures


async def psnr(pictures: Sequence[I420], settings: EncoderSettings, seconds: float, *, flood: bool) -> float:
    """Mean PSNR (dB) of what a viewer decodes while its neighbour asks for keyframes, or does not."""
    now_s = 0.0
    scores: list[float] = []
    with mock.patch.object(video_source, "monotonic", lambda: now_s):
        source = VideoSource(asyncio.get_running_loop(), settings)
        encoding = asyncio.ensure_future(source.run())
        viewer, neighbour = Viewer(source), Viewer(source)
        source.join(neighbour)
        source.join(viewer)
        receiving = asyncio.ensure_future(_receive(neighbour))
        decoder = av.CodecContext.create("h264", "r")
        for tick in range(int(seconds * FPS)):
            now_s = float(tick / FPS)
            picture = pictures[tick % len(pictures)]
            if flood:
                neighbour.ask_for_keyframe()
            source.put(picture, tick)
            payloads = (await viewer.recv()).payloads
            data = b"".join(H264PayloadDescriptor.parse(payload)[1] for payload in payloads)
            (frame,) = decoder.decode(av.Packet(data))
            scores.append(cv2.PSNR(frame.to_ndarray(format="yuv420p"), picture))
        for task in (encoding, receiving):
            task.cancel()
        await asyncio.gather(encoding, receiving, return_exceptions=True)
    return float(np.mean(scores))


async def _receive(viewer: Viewer) -> None:
    while True:
        await viewer.recv()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--bitrate", type=int, default=1_500_000, metavar="B", help="bit/s (default: 1500000)"
    )
    parser.add_argument("--seconds", type=float, default=20.0, metavar="S", help="of each of the two runs")
    parser.add_argument("--size", default="1280x720", metavar="WxH")
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    pictures = pictures_of(CLIP, (width, height), most=300)
    settings = EncoderSettings((width, height), FPS, options.bitrate)
    for name, flood in (("neighbour quiet", False), ("neighbour floods", True)):
        print(f"{name}: {asyncio.run(psnr(pictures, settings, options.seconds, flood=flood)):.1f} dB")


if __name__ == "__main__":
    main()
