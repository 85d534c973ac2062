"""The measurements as rows of a table, for the terminal and the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tools.evaluate.poses import DRIVING_JERK, JERK, PCK
from tools.evaluate.sampling import finite

Better = Literal["more", "less", "one", ""]
Place = tuple[str, ...]
"""The keys that lead to a measurement."""


@dataclass(frozen=True)
class Row:
    """One measurement. place: where it lies in a part of the report, as a number or a summary. recording:
    where the same measurement of the recording lies. better: more, less, near to one, or nothing to win."""

    title: str
    place: Place
    better: Better
    meaning: str
    recording: Place = ()


@dataclass(frozen=True)
class Values:
    """A report's values in one row. tail: of the 5 % that are worst."""

    mean: float | None
    median: float | None = None
    tail: float | None = None
    recording: float | None = None


REGIONS = {"person": "person", "face": "face", "hands": "hands", "full": "whole frame"}
SCORES: dict[str, tuple[str, Better, str]] = {
    "psnr_db": ("PSNR, dB", "more", "pixel by pixel against the recording"),
    "ssim": ("SSIM", "more", "local structure; 1 is equal"),
    "ms_ssim": ("MS-SSIM", "more", "structure at five scales; 1 is equal; person: the box around them"),
    "lpips": ("LPIPS", "less", "how unlike it looks to people (v0.1, AlexNet); faces are enlarged to 128"),
    "sharpness_of_truth": ("sharpness of truth", "one", "gradient energy: below 1 is blur, above is noise"),
}
"""TABLE of the scores of one picture against the recording: name in the report → text for people."""

STEADY = (
    Row("found again as a person, share", ("output", "redetected_share"), "more",
        "by the pose detector, afresh in each picture", ("truth", "redetected_share")),
    *(
        Row(f"PCK@{share} of torso", ("output", name), "more",
            "joints read back where they should be", ("truth", name))
        for share, name in PCK.items()
    ),
    Row("jerk of joints, torsos", ("output", JERK), "less",
        "third difference of the joints read back, unsmoothed", ("truth", JERK)),
    Row("jerk of driving joints, torsos", ("output", DRIVING_JERK), "",
        "the same of the poses that the player was given"),
    Row("flicker, levels", ("flicker", "output_levels_mean"), "less",
        "change of the person between frames whose landmarks hardly move", ("flicker", "truth_levels_mean")),
    Row("warp error, levels", ("warp_error", "output_levels"), "less",
        "what differs from the frame before when the motion is taken out", ("warp_error", "truth_levels")),
)  # fmt: skip
"""TABLE of what can also be measured without a true picture."""

PARTS: dict[str, tuple[Row, ...]] = {
    "held_out": (
        *(
            Row(f"{title}, {REGIONS[region]}", (name, region), better, meaning)
            for name, (title, better, meaning) in SCORES.items()
            for region in REGIONS
            if (name, region) not in (("ms_ssim", "face"), ("ms_ssim", "hands"))
        ),
        *STEADY,
        Row("flicker, output / truth", ("flicker", "of_truth"), "one", "1: as steady as the recording"),
        Row("warp error, output / truth", ("warp_error", "of_truth"), "one", "both along the truth's flow"),
    ),
    "driver": STEADY,
}
"""TABLE of the report's parts and their rows."""


def values(row: Row, part: Mapping[str, Any]) -> Values:
    """The values in one row. part: what one of `PARTS` measured."""
    found = _at(part, row.place)
    recording = _at(part, row.recording) if row.recording else None
    true = recording["mean"] if isinstance(recording, Mapping) else recording
    if isinstance(found, Mapping):
        tail = {"more": "p5", "less": "p95"}.get(row.better, "p5")
        return Values(found["mean"], found["median"], found[tail], true)
    return Values(found, recording=true)


def verdict(row: Row, one: float | None, other: float | None) -> Literal["better", "worse", ""]:
    """Whether the first player's number is better than the second's."""
    if one is None or other is None or one == other or not row.better:
        return ""
    loss = {"more": lambda x: -x, "less": lambda x: x, "one": lambda x: abs(x - 1)}[row.better]
    return "better" if loss(one) < loss(other) else "worse"


def headline(part: Mapping[str, Any], title: str) -> str:
    frames = part["frames"]
    text = (
        f"{title}: {frames['judged']} of {frames['available']} frames judged, "
        f"in {frames['blocks']} block(s) of consecutive frames"
    )
    return f"{text}; poses against {part['poses_compared_with']}" if "poses_compared_with" in part else text


def as_text(report: Mapping[str, Any]) -> str:
    """The report for the terminal, beside the other player's where there is one."""
    other = report.get("compared_with")
    lines = [] if other is None else [f"A: {report['player']}", f"B: {other['player']}"]
    heads = ("mean", "median", "worst 5%", "truth") if other is None else ("A", "B", "A - B", "")
    for name, rows in PARTS.items():
        if name not in report:
            continue
        title = "held out" if name == "held_out" else f"driver {report[name]['video']}"
        lines += ["", headline(report[name], title), f"{'':34}" + "".join(f"{head:>10}" for head in heads)]
        for row in rows:
            ours = values(row, report[name])
            if other is None:
                cells = [_number(value) for value in (ours.mean, ours.median, ours.tail, ours.recording)]
            else:
                theirs = values(row, other[name])
                cells = [_number(value) for value in (ours.mean, theirs.mean, less(ours.mean, theirs.mean))]
                cells.append(f"{verdict(row, ours.mean, theirs.mean):>10}")
            lines.append((f"{row.title:34}" + "".join(cells)).rstrip())
    return "\n".join(lines).lstrip("\n")


def less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else finite(one - other)


def _number(value: float | None) -> str:
    return f"{'-':>10}" if value is None else f"{value:10.3f}"


def _at(part: Mapping[str, Any], place: Place) -> Any:
    found: Any = part
    for key in place:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
