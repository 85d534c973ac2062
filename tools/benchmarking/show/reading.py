"""Measures reading a video file frame by frame, as the show does: our reader beside OpenCV's."""

from __future__ import annotations

from pathlib import Path

import cv2

from realtime.pictures.opening import VideoError
from realtime.pictures.playing import PlayedVideo
from tools.benchmarking.measuring.results import Row
from tools.benchmarking.measuring.timing import Turn, repeated, side_by_side


class OpenCv:
    """One thread decodes, as in ours; at the end the file starts again."""

    def __init__(self, video: Path) -> None:
        self._video = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if not self._video.isOpened():
            raise VideoError(f"{video}: OpenCV cannot read it")

    def __call__(self) -> None:
        if not self._video.grab():
            self._video.set(cv2.CAP_PROP_POS_FRAMES, 0)
            self._video.grab()
        self._video.retrieve()


def measure(video: Path, rounds: int) -> list[Row]:
    """Time a picture, from the file to BGR. Raises VideoError."""
    played = PlayedVideo(str(video))

    def ours() -> None:
        played.grab()
        played.picture()

    turns = [Turn("ours", ours), Turn("OpenCV", OpenCv(video))]
    times = side_by_side(repeated(turns, rounds), total=rounds)
    played.close()
    figures = {name: times[name].figures() for name, _ in turns}
    ours_ms = figures["ours"]["cpu_ms_p50"]
    rows = []
    for name, of_one in figures.items():
        ratio = round(of_one["cpu_ms_p50"] / ours_ms, 3)
        rows.append(Row(name, {**of_one, "cpu_times_ours": ratio}))
    return rows
