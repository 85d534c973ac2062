import cv2
import pytest

from realtime.cameras.device import ask_for
from realtime.config.show import Capture, ShowError, check_show

SIZE = (1280, 720)


class Driver:
    """A driver as V4L2's are: what it does not have it leaves as it was, or gives the nearest.

    modes: what it has: pixel format → (size, highest rate) in order of preference.
    """

    def __init__(self, modes: dict[str, list[tuple[tuple[int, int], float]]]) -> None:
        self._modes = modes
        self._code = next(iter(modes))
        self._wanted: tuple[int, int] = (640, 480)
        self._fps = 30.0

    def set(self, propId: int, value: float) -> bool:
        if propId == cv2.CAP_PROP_FOURCC:
            code = int(value).to_bytes(4, "little").decode()
            if code not in self._modes:
                return False
            self._code = code
        elif propId == cv2.CAP_PROP_FRAME_WIDTH:
            self._wanted = (int(value), self._wanted[1])
        elif propId == cv2.CAP_PROP_FRAME_HEIGHT:
            self._wanted = (self._wanted[0], int(value))
        elif propId == cv2.CAP_PROP_FPS:
            self._fps = value
        return True

    def get(self, propId: int) -> float:
        modes = self._modes[self._code]
        size, highest = next((mode for mode in modes if mode[0] == self._wanted), modes[0])
        return {
            cv2.CAP_PROP_FOURCC: float(int.from_bytes(self._code.encode(), "little")),
            cv2.CAP_PROP_FRAME_WIDTH: size[0],
            cv2.CAP_PROP_FRAME_HEIGHT: size[1],
            cv2.CAP_PROP_FPS: min(self._fps, highest),
        }[propId]


USB2 = {"YUYV": [((640, 480), 30.0), (SIZE, 10.0)], "MJPG": [(SIZE, 30.0), ((640, 480), 30.0)]}
USB3 = {"YUYV": [(SIZE, 60.0), ((1920, 1080), 60.0)], "NV12": [(SIZE, 60.0)]}


@pytest.mark.parametrize(
    ("modes", "ask", "text"),
    [
        (USB2, Capture(), "1280x720 MJPG 30.0"),
        (USB2, Capture(fps=60), "1280x720 MJPG 30.0, asked for 60"),
        (USB2, Capture(format="yuyv"), "1280x720 YUYV 10.0, asked for 30"),
        (USB2, Capture(format="yuyv", fps=10), "1280x720 YUYV 10.0"),
        (USB2, Capture(fps=10), "1280x720 YUYV 10.0"),
        (USB3, Capture(fps=60), "1280x720 YUYV 60.0"),
        (USB3, Capture(fps="60000/1001"), "1280x720 YUYV 59.9"),
        (USB3, Capture(format="nv12"), "1280x720 NV12 30.0"),
        (USB3, Capture(format="mjpg"), "1280x720 YUYV 30.0, asked for MJPG"),
        (USB3, Capture(size=(3840, 2160)), "1280x720 YUYV 30.0, asked for 3840x2160"),
        ({"MJPG": [(SIZE, 29.97)]}, Capture(), "1280x720 MJPG 30.0"),
    ],
)
def test_what_a_driver_gives_is_read_back(modes: dict, ask: Capture, text: str) -> None:
    given = ask_for(Driver(modes), ask)
    assert given.text(ask) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ({"format": "h264"}, "capture.format"),
        ({"size": [10, 10]}, "capture.size.0"),
        ({"fps": 500}, "capture.fps"),
        ({"rate": 30}, "unknown key 'capture.rate'"),
    ],
)
def test_a_mistake_in_what_is_asked_for_is_named(text: dict, words: str) -> None:
    with pytest.raises(ShowError, match=words):
        check_show({"capture": text}, "show file")
