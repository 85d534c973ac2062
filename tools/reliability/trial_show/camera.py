"""A stand-in for a network camera: plays a video as MJPEG over HTTP, and does what is wrong with cameras.

    python -m tools.reliability.trial_show.camera VIDEO PORT FOLDER

What it does now is one word in the file `camera` in the folder (`FAULTS`); without the file it is well.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

FPS, SLOW_FPS = 30, 5
MOST_PICTURES = 300
"""Pictures that are kept, compressed: they are played round and round."""

FAULTS: Mapping[str, str] = {
    "unplugged": "connections are closed, and nobody is let in",
    "frozen": "connections stay, and no picture comes",
    "still": "one picture comes again and again",
    "black": "the pictures are black",
    "small": "the pictures are of another size, 640x480",
    "slow": f"{SLOW_FPS} pictures a second",
    "corrupt": "every other picture has wrong bytes in it",
}
"""TABLE of what can be wrong."""

LOOK_S = 0.02
HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"


def pictures_of(video: Path) -> list[bytes]:
    """The first pictures of a video, as JPEG."""
    pictures = []
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            pictures.append(jpeg(frame.to_ndarray(format="bgr24")))
            if len(pictures) == MOST_PICTURES:
                break
    return pictures


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def corrupted(data: bytes) -> bytes:
    """With wrong bytes in its second half; its head is as it was."""
    middle = len(data) // 2
    return data[:middle] + bytes(reversed(data[middle:]))


class Camera:
    """Serves until its process ends."""

    def __init__(self, pictures: list[bytes], port: int, folder: Path) -> None:
        self._pictures = pictures
        self._port = port
        self._word = folder / "camera"
        first = cv2.imdecode(np.frombuffer(pictures[0], np.uint8), cv2.IMREAD_COLOR)
        assert first is not None  # noqa: S101  # it was made here
        self._black = jpeg(np.zeros_like(first))
        self._small = jpeg(cv2.resize(first, (640, 480)))

    def fault(self) -> str:
        """What is wrong now, "" where nothing is."""
        try:
            return self._word.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""

    def serve(self) -> None:
        while True:
            while self.fault() == "unplugged":
                time.sleep(LOOK_S)
            with socket.create_server(("127.0.0.1", self._port)) as listener:
                listener.settimeout(LOOK_S)
                while self.fault() != "unplugged":
                    try:
                        client, _ = listener.accept()
                    except TimeoutError:
                        continue
                    threading.Thread(target=self._play, args=(client,), daemon=True).start()

    def _play(self, client: socket.socket) -> None:
        """To one viewer, who is let go where it does not read."""
        client.settimeout(2.0)
        start, n = time.monotonic(), 0
        try:
            with client:
                client.sendall(HEAD)
                while (fault := self.fault()) != "unplugged":
                    now = time.monotonic() - start
                    picture = self._picture(fault, int(now * FPS), n)
                    if picture:
                        head = (
                            f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                        )
                        client.sendall(head.encode() + picture + b"\r\n")
                    n += 1
                    fps = SLOW_FPS if fault == "slow" else FPS
                    time.sleep(1 / fps - (time.monotonic() - start) % (1 / fps))
        except OSError:
            return  # it has left

    def _picture(self, fault: str, number: int, n: int) -> bytes:
        """b"": none."""
        if fault == "frozen":
            return b""
        if fault == "black":
            return self._black
        if fault == "small":
            return self._small
        picture = self._pictures[0 if fault == "still" else number % len(self._pictures)]
        return corrupted(picture) if fault == "corrupt" and n % 2 else picture


def main(arguments: list[str]) -> int:
    video, port, folder = arguments
    Camera(pictures_of(Path(video)), int(port), Path(folder)).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
