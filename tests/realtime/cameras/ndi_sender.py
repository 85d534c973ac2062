"""Sends an NDI source in a process of its own: `python -m tests.realtime.cameras.ndi_sender NAME`.

192x128 at 60 a second: left half red, right half blue, a grey that changes with every picture in the middle.
"""

import sys
import time
from fractions import Fraction

import numpy as np
from cyndilib.audio_frame import AudioSendFrame
from cyndilib.sender import Sender
from cyndilib.video_frame import VideoSendFrame
from cyndilib.wrapper.ndi_structs import FourCC

SIZE, FPS = (192, 128), 60


def main(name: str) -> None:
    video = VideoSendFrame()
    video.set_resolution(*SIZE)
    video.set_frame_rate(Fraction(FPS))
    video.set_fourcc(FourCC.BGRX)
    sender = Sender(name, clock_video=False, clock_audio=False)
    sender.set_video_frame(video)
    sender.set_audio_frame(AudioSendFrame())
    sender.open()
    picture = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
    picture[:, : SIZE[0] // 2] = (20, 20, 220, 255)
    picture[:, SIZE[0] // 2 :] = (220, 20, 20, 255)
    start_s, n = time.monotonic(), 0
    while True:
        picture[48:80, 80:112] = 8 * (n % 32)
        sender.write_video(picture.reshape(-1))
        n += 1
        time.sleep(max(0.0, start_s + n / FPS - time.monotonic()))


if __name__ == "__main__":
    main(sys.argv[1])
