"""The passes one after the other, and what is written in the end."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.body import measure_body
from engines.extras import PARTS
from engines.folders import resumed_folder
from engines.pose.extras import Extras
from tools.preparing import PrepareError, report, rules, sheets
from tools.preparing.camera import MAX_GAIN, off_centre
from tools.preparing.choose import count, judge, require, shots, smooth_extras
from tools.preparing.journal import Journal, write_whole
from tools.preparing.pictures import Pictures, encoded, write
from tools.preparing.refine import Refined, Refiner, Shots, find_plate
from tools.preparing.scan import Scan, Scanner
from tools.preparing.sources import Options, Source, digest, find_videos, open_sources
from tools.video import VideoError

MARK = "dataset.json"


def prepare(paths: Sequence[Path], dataset: Path, options: Options | None = None) -> dict[str, Any]:
    """Writes the dataset and returns its summary (also in dataset.json).

    paths: videos and folders of videos. Raises VideoError, PrepareError, OSError; then what was at `dataset`
    before is still there, and after an OSError or an interruption the same call goes on.
    """
    options = options or Options()
    videos = find_videos(paths)
    sources = open_sources(videos, options)
    inputs = digest(videos, options)
    with resumed_folder(dataset, MARK, inputs, (VideoError, PrepareError)) as (part, found):
        if found == "resumed":
            print(f"going on with an interrupted run for {dataset}", file=sys.stderr)
        elif found == "changed":
            print(
                f"starting anew: videos, options or code changed since {dataset} was begun", file=sys.stderr
            )
        pictures = Pictures(part)
        if not (part / MARK).is_file():
            _Preparation(part, pictures, sources, options).run()
        shutil.rmtree(pictures.work)
        summary: dict[str, Any] = json.loads((part / MARK).read_text())
    return summary


class _Preparation:
    def __init__(self, part: Path, pictures: Pictures, sources: list[Source], options: Options) -> None:
        self._part, self._pictures, self._sources, self._options = part, pictures, sources, options
        self._journal = Journal(pictures.work / "journal")

    def run(self) -> None:
        scan = Scanner(self._pictures, self._journal, self._options)(self._sources)
        reasons = judge(scan, self._options.max_shake_px)
        left = np.flatnonzero(reasons == "")
        self._require(reasons, scan)
        for row in np.flatnonzero((reasons != "") & (scan.reasons == "")):
            number = int(scan.numbers[row])
            self._pictures.write_thumb(str(reasons[row]), number, self._pictures.frame(number))
        taken = shots(scan, reasons)
        plate, unseen = self._plate(taken)
        extras = Extras(backend=self._options.backend) if self._options.extras else None
        refined = Refiner(self._pictures, self._journal, plate, unseen, extras)(
            taken, self._options.checkpoint
        )
        reasons[left] = refined.reasons
        self._require(reasons, scan)
        gain = np.full(len(reasons), np.nan, np.float32)
        gain[left] = refined.gains.mean(axis=1)
        summary = summarize(self._sources, scan, reasons, gain)
        summary |= {"plate_unseen_share": float(unseen.mean()), "standing_px": taken.standing_px}
        summary["extras"] = shares(refined.extras[refined.reasons == ""]) if self._options.extras else {}
        summary["warnings"] = warnings_of(summary)
        self._write(scan, reasons, gain, taken, refined, plate, summary)

    def _require(self, reasons: NDArray[np.str_], scan: Scan) -> None:
        kept = int((reasons == "").sum())
        require([source.path for source in self._sources], kept, count(reasons, scan.left_out))

    def _plate(self, taken: Shots) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        if "plate" not in self._journal:
            plate, unseen = find_plate(self._pictures, taken)
            self._journal.save("plate", {"plate": plate, "unseen": unseen})
        entry = self._journal.load("plate")
        return entry["plate"], entry["unseen"]

    def _write(
        self,
        scan: Scan,
        reasons: NDArray[np.str_],
        gain: NDArray[np.float32],
        taken: Shots,
        refined: Refined,
        plate: NDArray[np.uint8],
        summary: dict[str, Any],
    ) -> None:
        good = refined.reasons == ""
        numbers, landmarks = taken.numbers[good], taken.landmarks[good]
        write(self._part / "plate.png", plate)
        np.save(self._part / "landmarks.npy", landmarks)
        np.save(self._part / "indices.npy", numbers)
        extras = smooth_extras(refined.extras[good], numbers, scan.times_ns[reasons == ""])
        if self._options.extras:
            np.save(self._part / "extras.npy", extras)
        (self._part / "body.json").write_text(measure_body(landmarks).to_json())
        outlines = sheets.outlines(self._pictures, numbers, np.concatenate([landmarks, extras], axis=1))
        write(self._part / "contact_sheet.jpg", outlines)
        page = report.html(
            summary,
            report.Timeline(seconds(scan), reasons, off_centre(scan.shifts), gain),
            plate=encoded(plate, ".jpg"),
            outlines=encoded(outlines, ".jpg"),
            mattes=encoded(sheets.mattes(self._pictures, numbers, landmarks), ".jpg"),
            thumbs=self._pictures.thumbs,
            max_shake_px=self._options.max_shake_px,
            max_gain=MAX_GAIN,
        )
        (self._part / "report.html").write_text(page)
        self._pictures.keep_only(numbers)
        write_whole(self._part / MARK, (json.dumps(summary, indent=2) + "\n").encode())


def summarize(
    sources: list[Source], scan: Scan, reasons: NDArray[np.str_], gain: NDArray[np.float32]
) -> dict[str, Any]:
    """What dataset.json says of the footage. gain (N,): the background over the plate, NaN where unknown."""
    shake = off_centre(scan.shifts)
    measured, lit = shake[np.isfinite(shake)], gain[~np.isnan(gain)]
    return {
        "sources": [
            {
                "name": source.path.name,
                "fps": f"{float(source.fps):.6g}",
                "frames": scan.frames[video],
                "declared": source.frames,
                "kept": int(((reasons == "") & (scan.videos == video)).sum()),
            }
            for video, source in enumerate(sources)
        ],
        "size": [sources[0].first.shape[1], sources[0].first.shape[0]],
        "fps": str(sources[0].fps),
        "kept": int((reasons == "").sum()),
        "dropped": count(reasons, scan.left_out),
        "camera": {
            "measured_share": float((~np.isnan(shake)).mean()),
            "median_px": float(np.median(measured)) if len(measured) else 0.0,
            "p95_px": float(np.percentile(measured, 95)) if len(measured) else 0.0,
        },
        "light": {
            "p5": float(np.percentile(lit, 5)),
            "p95": float(np.percentile(lit, 95)),
            "flicker": float(np.abs(np.diff(lit)).mean()) if len(lit) > 1 else 0.0,
        },
    }


def shares(extras: NDArray[np.float32]) -> dict[str, float]:
    """In which share of the frames each hand and the face is seen. extras (N, engines.extras.POINTS, 4)."""
    return {name: float(extras[:, part, 3].any(axis=1).mean()) for name, part in PARTS.items()}


def warnings_of(summary: dict[str, Any]) -> list[str]:
    """What is no reason to drop frames, yet would make a better player."""
    found = [
        f"{source['name']} holds {source['frames']} of the {source['declared']} frames that it declares: "
        "was it copied whole?"
        for source in summary["sources"]
        if source["frames"] < 0.9 * source["declared"]
    ]
    camera, light = summary["camera"], summary["light"]
    if camera["measured_share"] < 0.5:
        found.append("the background has too little texture to tell whether the camera moved")
    if camera["p95_px"] > 0.5:
        found.append(f"the camera shakes by {camera['p95_px']:.1f} pixels: {rules.ADVICE[rules.MOVED]}")
    if light["p95"] - light["p5"] > 0.03 or light["flicker"] > 0.01:
        found.append(f"the light changes: {rules.ADVICE[rules.OTHER_LIGHT]}")
    if summary["plate_unseen_share"] > 0.005:
        found.append(
            f"{100 * summary['plate_unseen_share']:.1f} % of the plate was never seen free: "
            "let the player step aside once while the camera runs"
        )
    return found


def seconds(scan: Scan) -> NDArray[np.float64]:
    """(N,) time of each frame with the videos one after the other."""
    total = scan.times_ns / 1e9
    for video in range(1, len(scan.frames)):
        before, after = scan.videos < video, scan.videos == video
        total[after] += total[before].max(initial=0.0)
    return total
