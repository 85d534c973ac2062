"""A chain of FFmpeg's filters for frames of one size and format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import av
from av.filter import Graph
from av.video.frame import VideoFrame

Filter = tuple[str, Mapping[str, str]]
"""A filter's name and its options, as in FFmpeg's documentation."""


class Format(NamedTuple):
    """What a chain takes. colorspace, color_range: FFmpeg's numbers (AVColorSpace, AVColorRange)."""

    width: int
    height: int
    pix_fmt: str
    colorspace: int
    color_range: int

    @classmethod
    def of(cls, frame: VideoFrame) -> Format:
        name = frame.format.name
        return cls(frame.width, frame.height, name, int(frame.colorspace), int(frame.color_range))


class FilterChain:
    """For one thread."""

    def __init__(self, takes: Format, filters: Sequence[Filter], time_base: Fraction) -> None:
        """time_base: the unit of the frames' stamps."""
        graph = Graph()
        graph.threads = 1
        source = graph.add(
            "buffer",
            video_size=f"{takes.width}x{takes.height}",
            pix_fmt=takes.pix_fmt,
            colorspace=str(takes.colorspace),
            range=str(takes.color_range),
            time_base=str(time_base),
        )
        chain = [graph.add(name, **options) for name, options in filters]
        graph.link_nodes(source, *chain, graph.add("buffersink")).configure()
        self._graph = graph

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """For filters that give one frame for each."""
        self._graph.push(frame)
        return self._graph.vpull()

    def push(self, frame: VideoFrame | None) -> Iterator[VideoFrame]:
        """For filters that give any number of frames: those that are ready. None: the end."""
        self._graph.push(frame)
        while True:
            try:
                yield self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
