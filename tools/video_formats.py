"""TABLE of what finished videos can be written as: the file's ending decides."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Format:
    """A codec as it is used here.

    opaque, alpha: its pixel formats without and with transparency, None where it has none. crf: its best,
    worst and default quality, None where there is nothing to choose. sound: the encoder, and its sample
    rate, for a source's sound that cannot be copied. options: the video encoder's.
    """

    title: str
    encoder: str
    opaque: str
    alpha: str | None
    crf: tuple[int, int, int] | None
    sound: tuple[str, int]
    options: dict[str, str]

    def encoder_options(self, crf: int | None = None) -> dict[str, str]:
        """crf: None for the default. Raises ValueError where the codec does not take it."""
        if self.crf is None:
            if crf is not None:
                raise ValueError(f"{self.title} has no quality to choose: leave --crf out")
            return self.options
        best, worst, default = self.crf
        value = default if crf is None else crf
        if not best <= value <= worst:
            raise ValueError(f"--crf {value}: {self.title} takes {best} (best) to {worst}")
        return {**self.options, "crf": str(value)}


_H264 = Format("H.264", "libx264", "yuv420p", None, (0, 51, 18), ("aac", 48_000), {})
FORMATS = {
    ".mp4": _H264,
    ".mkv": _H264,
    ".mov": Format(
        "ProRes 4444", "prores_ks", "yuv444p10le", "yuva444p10le", None, ("pcm_s16le", 48_000),
        {"profile": "4444", "vendor": "apl0", "alpha_bits": "16"},
    ),
    ".webm": Format(
        "VP9", "libvpx-vp9", "yuv420p", "yuva420p", (0, 63, 20), ("libopus", 48_000),
        {"b": "0", "auto-alt-ref": "0", "row-mt": "1", "deadline": "good", "cpu-used": "4"},
    ),
}  # fmt: skip
"""By a file's ending. Alternative reference frames are off in VP9: its alpha layer does not bear them."""


def format_of(path: Path) -> Format:
    """Raises ValueError naming the endings that are known."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise ValueError(
            f"{path}: no video is written with the ending {path.suffix!r}; use {', '.join(FORMATS)}"
        ) from None
