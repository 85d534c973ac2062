"""Makes a recording whole that was cut off: by a kill, a crash or a power cut.

What can be read is copied, without encoding it anew, into a file beside it that has a length and an index, so
that players can seek in it and editors open it. The recording itself is left as it is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
from av.error import FFmpegError
from av.stream import Stream

from realtime.outputs import synthetic

CONTAINERS = {".mkv": "matroska", ".mp4": "mp4"}
"""Ending → FFmpeg's container: what recordings are."""


class RepairError(ValueError):
    """A recording that cannot be made whole; one line."""


def whole_beside(source: Path) -> Path:
    """Where a recording that was made whole lies, unless told otherwise; `tools.purge` knows the name."""
    return source.with_name(f"{source.stem} (whole){source.suffix}")


def repair(source: Path, output: Path) -> float:
    """Writes `output`, whole or not at all; how many seconds of picture are in it. Raises RepairError."""
    if output.exists():
        raise RepairError(f"{output} is there already: move it away, or name another with --output")
    part = output.with_name(f".{output.stem}.part{output.suffix}")
    try:
        seconds = _copied(source, part, CONTAINERS[source.suffix.lower()])
        part.replace(output)
    except FFmpegError as error:
        raise RepairError(f"{source} cannot be made whole: {error.strerror}") from error
    except OSError as error:
        raise RepairError(f"{output} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return seconds


def _copied(source: Path, part: Path, container: str) -> float:
    options = {"movflags": "+faststart"} if container == "mp4" else {}
    end_s = 0.0
    whole_bytes = _whole_boxes(source) if container == "mp4" else source.stat().st_size
    with av.open(
        f"subfile,,start,0,end,{whole_bytes},,:file:{source}", metadata_errors="replace"
    ) as recording:
        if not recording.streams.video:
            raise RepairError(f"{source} has no picture in it")
        with av.open(f"file:{part}", "w", format=container, options=options) as whole:
            whole.metadata.update(recording.metadata)
            streams: dict[int, Stream] = {
                stream.index: whole.add_stream_from_template(stream)
                for stream in (*recording.streams.video, *recording.streams.audio)
            }
            for packet in _readable(recording):
                if packet.stream.type == "video":
                    end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                packet.stream = streams[packet.stream.index]
                whole.mux(packet)
    if not end_s:
        raise RepairError(f"{source} has no whole picture in it")
    if container == "mp4" and synthetic.COMMENT in synthetic_comment(part):
        synthetic.append_xmp(part)
    return end_s


def _whole_boxes(path: Path) -> int:
    """Up to which byte the boxes of an MP4 are whole: FFmpeg opens none that breaks off in a fragment's
    head."""
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:], "big")
            if length < 8 or at + length > size:
                return size if head[4:8] == b"mdat" else at
            at += length
    return at or size


def _readable(recording: av.container.InputContainer) -> Iterator[av.Packet]:
    """The packets up to where the recording breaks off, in rising order."""
    last: dict[int, int] = {}
    try:
        for packet in recording.demux([*recording.streams.video, *recording.streams.audio]):
            index = packet.stream.index
            if packet.dts is None or packet.pts is None or packet.dts <= last.get(index, packet.dts - 1):
                continue
            last[index] = packet.dts
            yield packet
    except FFmpegError:
        if not last:  # there is nothing before
            raise


def synthetic_comment(path: Path) -> str:
    """What a file's comment says, "" where there is none."""
    with av.open(f"file:{path}", metadata_errors="replace") as file:
        return str(file.metadata.get("comment", ""))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.repair", description=__doc__)
    parser.add_argument("recording", type=Path, metavar="FILE", help="an .mkv or .mp4 of the recorder")
    parser.add_argument("--output", type=Path, metavar="FILE", help='by default "NAME (whole)" beside it')
    options = parser.parse_args(argv)
    source: Path = options.recording
    output: Path = options.output or whole_beside(source)
    try:
        if source.suffix.lower() not in CONTAINERS or output.suffix.lower() != source.suffix.lower():
            raise RepairError(f"{source}: recordings end in {' or '.join(CONTAINERS)}, the output likewise")

        if not source.is_file():
            raise RepairError(f"{source}: no such file")
        print(f"{output}: {repair(source, output):.1f} s")
    except RepairError as error:
        print(f"repair: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
