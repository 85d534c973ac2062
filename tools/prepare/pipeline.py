"""Runs the passes one after the other, and writes the dataset."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.body import facing, measure_body, standing_height
from engines.plans.atomic_folder import resumed_folder
from engines.time_units import NS_PER_S
from tools.alignment.solve import STILL, TAKEN_FOR_STILL, Alignment, align
from tools.footage.landmark_net import choose_net
from tools.matting.cutter import Cutter
from tools.prepare import report, rules, sheets
from tools.prepare.choose import count, judge, require, shots, too_small
from tools.prepare.files import PrepareError
from tools.prepare.files.ahead import WORKERS
from tools.prepare.files.journal import Journal, write_whole
from tools.prepare.files.pictures import Pictures, encoded, write
from tools.prepare.files.sources import Options, Source, digest, find_videos, open_sources
from tools.prepare.refine import Refined, Refiner, Shots
from tools.prepare.scan import EMPTY_EVERY, Scan, Scanner
from tools.prepare.scene.empty import in_scene, load_empty, measure_empty
from tools.prepare.scene.placing import Placement, place
from tools.prepare.scene.plate import Plate
from tools.prepare.scene.scenes import EmptyScene, Sampled, box_of, build

MARK = "dataset.json"
NO_SCENE = -1
PREVIEW_S, SHOW_S = 30.0, 120.0
"""Seconds of usable footage: less than the first makes a preview, at least the second a player for a show."""


def prepare(paths: Sequence[Path], dataset: Path, options: Options | None = None) -> dict[str, Any]:
    """Writes the dataset and returns its summary (also in dataset.json).

    paths: videos and folders of videos. Raises VideoError, PrepareError, LandmarkNetError, OSError. Then an
    old `dataset` is unchanged; after all but a PrepareError, a verdict on the footage, the same call
    continues.
    """
    options = options or Options()
    videos = find_videos(paths)
    sources = open_sources(videos, options)
    net = choose_net(options.landmarks)
    inputs = digest(videos, options, net)
    with resumed_folder(dataset, MARK, inputs, (PrepareError,)) as (part, found):
        if found == "resumed":
            print(f"going on with an interrupted run for {dataset}", file=sys.stderr)
        elif found == "changed":
            print(
                f"starting anew: videos, options or code changed since {dataset} was begun", file=sys.stderr
            )
        pictures = Pictures(part)
        if not (part / MARK).is_file():
            _Preparation(part, pictures, sources, options, net).run()
        shutil.rmtree(pictures.work)
        summary: dict[str, Any] = json.loads((part / MARK).read_text(encoding="utf-8"))
    return summary


class _Preparation:
    def __init__(
        self, part: Path, pictures: Pictures, sources: list[Source], options: Options, net: str
    ) -> None:
        self._part, self._pictures, self._sources, self._options = part, pictures, sources, options
        self._net = net
        self._journal = Journal(pictures.work / "journal")
        first = sources[0].first
        self._size = (first.shape[1], first.shape[0])
        self._empty_unused = False

    def run(self) -> None:
        empty = (
            [] if self._options.empty is None else load_empty(self._options.empty, self._options, self._size)
        )
        scan = Scanner(self._pictures, self._journal, self._options, self._net)(self._sources)
        print("aligning the frames", file=sys.stderr)
        alignment = align([*scan.alignment, *([measure_empty(empty)] if empty else [])])
        footage = first_rows(alignment, len(scan.numbers))
        reasons = judge(scan, footage)
        self._require(reasons, scan)
        left, placement = self._place(scan, footage, reasons)
        self._require(reasons, scan)
        for row in np.flatnonzero((reasons != "") & (scan.reasons == "")):
            number = int(scan.numbers[row])
            self._pictures.write_thumb(str(reasons[row]), number, self._pictures.scanned(number))
        taken = shots(scan, left, placement)
        scenes = self._scenes(scan, footage, left, placement, alignment, empty)
        main = main_scene(placement)
        plate = self._plate(scenes.get(main), empty, taken)
        cutters = [Cutter(backend=self._options.backend) for _ in range(WORKERS)]
        refined = Refiner(self._pictures, self._journal, scenes, plate.picture, cutters)(
            taken, self._options.checkpoint
        )
        reasons[left] = refined.reasons
        self._require(reasons, scan)
        gain = np.full(len(reasons), np.nan, np.float32)
        gain[left] = refined.gains.mean(axis=1)
        summary = summarize(self._sources, scan, reasons, gain)
        summary |= {
            "landmarks": self._net,
            "plate_unseen_share": float(plate.unseen.mean()),
            "empty_unused": str(self._options.empty) if self._empty_unused else "",
            "standing_px": taken.standing_px,
            "scenes": described_scenes(footage, left[refined.reasons == ""]),
            "own_background_share": float(placement.own[refined.reasons == ""].mean()),
            "from_behind_share": float((facing(taken.landmarks[refined.reasons == ""]) < 0).mean()),
        }
        summary["warnings"] = warnings_of(summary)
        self._write(scan, footage, reasons, gain, left, taken, refined, plate, summary)

    def _require(self, reasons: NDArray[np.str_], scan: Scan) -> None:
        kept = int((reasons == "").sum())
        require([source.path for source in self._sources], kept, count(reasons, scan.left_out))

    def _place(
        self, scan: Scan, alignment: Alignment, reasons: NDArray[np.str_]
    ) -> tuple[NDArray[np.int64], Placement]:
        """The rows that remain and their places. The reasons of all other rows are entered in `reasons`."""
        while True:
            left = np.flatnonzero(reasons == "")
            placement = place(
                scan.landmarks[left],
                scan.world[left],
                alignment.scenes[left],
                alignment.matrices[left],
                alignment.shots[left],
                self._size,
            )
            small = too_small(placement)
            if not small.any():
                return left, placement
            reasons[left[small]] = rules.TOO_SMALL
            self._require(reasons, scan)

    def _scenes(
        self,
        scan: Scan,
        alignment: Alignment,
        left: NDArray[np.int64],
        placement: Placement,
        whole_alignment: Alignment,
        empty: list[NDArray[np.uint8]],
    ) -> dict[int, EmptyScene]:
        """The empty picture of each scene of which any frame remains, by number."""
        found: dict[int, EmptyScene] = {}
        main = main_scene(placement)
        for scene in (int(each) for each in np.unique(placement.scenes) if each >= 0):
            name = f"plate_{scene:04d}"
            if name not in self._journal:
                frames = self._sampled(scan, alignment, left, placement, scene)
                box = box_of(placement, placement.scenes == scene, self._size)
                given = (
                    in_scene(empty, whole_alignment, scene, box)
                    if scene == main and self._options.empty is not None
                    else []
                )
                unused = scene == main and self._options.empty is not None and not given
                built = build(self._pictures, frames, box, given)
                arrays = (
                    {} if built is None else {"picture": built.plate.picture, "unseen": built.plate.unseen}
                )
                self._journal.save(name, {"box": np.array(box), "empty_unused": np.array(unused), **arrays})
            entry = self._journal.load(name)
            self._empty_unused |= bool(entry["empty_unused"])
            if "picture" in entry:
                x, y, width, height = entry["box"].tolist()
                found[scene] = EmptyScene(Plate(entry["picture"], entry["unseen"]), (x, y, width, height))
        return found

    def _sampled(
        self,
        scan: Scan,
        alignment: Alignment,
        left: NDArray[np.int64],
        placement: Placement,
        scene: int,
    ) -> Sampled:
        """All frames of a scene that are on disk."""
        here = np.flatnonzero(placement.scenes == scene)
        first = here[0]
        to_size = placement.maps[first] @ np.linalg.inv(alignment.matrices[left[first]])
        kept = (scan.reasons == "") | ((scan.reasons == rules.NOBODY) & (scan.numbers % EMPTY_EVERY == 0))
        rows = np.flatnonzero(kept & (alignment.scenes == scene) & ~alignment.transition)
        landmarks = scan.landmarks[rows]
        return Sampled(
            scan.numbers[rows], landmarks, to_size @ alignment.matrices[rows], standing_height(landmarks)
        )

    def _plate(self, scene: EmptyScene | None, empty: list[NDArray[np.uint8]], taken: Shots) -> Plate:
        """The plate of the dataset: what it shows behind the player."""
        width, height = self._size
        if scene is not None:
            picture, known = scene.view(np.zeros(2, np.int64), self._size)
            return Plate(picture, known == 0)
        if empty:
            return Plate(empty[0], np.zeros((height, width), np.bool_))
        numbers = taken.numbers[np.linspace(0, len(taken.numbers) - 1, 24).astype(int)]
        rows = [
            np.median(frame[soft.max(axis=0)[None].repeat(height, 0) < 25].reshape(-1, 3), axis=0)
            for frame, soft in (
                (self._pictures.scanned(int(n)), self._pictures.soft(int(n))) for n in numbers
            )
        ]
        colour = np.median(np.array(rows), axis=0)
        picture = np.broadcast_to(
            np.nan_to_num(colour, nan=128.0).astype(np.uint8), (height, width, 3)
        ).copy()
        return Plate(picture, np.zeros((height, width), np.bool_))

    def _write(
        self,
        scan: Scan,
        alignment: Alignment,
        reasons: NDArray[np.str_],
        gain: NDArray[np.float32],
        left: NDArray[np.int64],
        taken: Shots,
        refined: Refined,
        plate: Plate,
        summary: dict[str, Any],
    ) -> None:
        good = refined.reasons == ""
        numbers, landmarks = taken.numbers[good], taken.landmarks[good]
        write(self._part / "plate.png", plate.picture)
        np.save(self._part / "landmarks.npy", landmarks)
        np.save(self._part / "world.npy", scan.world[left[good]])
        np.save(self._part / "indices.npy", numbers)
        (self._part / "body.json").write_text(measure_body(landmarks).to_json(), encoding="utf-8")
        outlines = sheets.outlines(self._pictures, numbers, landmarks)
        write(self._part / "contact_sheet.jpg", outlines)
        page = report.html(
            summary,
            report.Timeline(seconds(scan), reasons, travel(alignment, self._size), alignment.zoom, gain),
            plate=encoded(plate.picture, ".jpg"),
            filled=encoded(sheets.filled(plate), ".jpg"),
            outlines=encoded(outlines, ".jpg"),
            mattes=encoded(sheets.mattes(self._pictures, numbers, landmarks), ".jpg"),
            thumbs=self._pictures.thumbs,
        )
        (self._part / "report.html").write_text(page, encoding="utf-8")
        self._pictures.keep_only(numbers)
        write_whole(self._part / MARK, (json.dumps(summary, indent=2) + "\n").encode())


def first_rows(alignment: Alignment, count: int) -> Alignment:
    """The alignment of the first `count` frames."""
    rows = {
        field.name: getattr(alignment, field.name)[:count]
        for field in fields(alignment)
        if field.name != "found"
    }
    return replace(alignment, **rows)


def main_scene(placement: Placement) -> int:
    """The scene that the dataset shows; NO_SCENE where there is none."""
    numbers, counts = np.unique(placement.scenes[placement.scenes >= 0], return_counts=True)
    return int(numbers[np.argmax(counts)]) if len(numbers) else NO_SCENE


def travel(alignment: Alignment, size: tuple[int, int]) -> NDArray[np.float32]:
    """(N,): the distance of each frame's middle from its scene's, pixels; NaN where there is no scene."""
    middle = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2, 1.0])
    there = alignment.matrices @ middle
    distance = np.linalg.norm(there[:, :2] / there[:, 2:] - middle[:2], axis=1)
    return np.where(alignment.scenes >= 0, distance, np.nan).astype(np.float32)


def described_scenes(alignment: Alignment, kept: NDArray[np.int64]) -> list[dict[str, Any]]:
    """The scenes in dataset.json: kind, camera, and the number of frames kept. Frames without a scene come
    last."""
    scenes = alignment.scenes[kept]
    found = [
        {
            "kind": scene.kind,
            "camera": scene.model,
            "kept": int((scenes == number).sum()),
            "residual_px": round(float(np.median(alignment.residual_px[kept][scenes == number])), 2),
        }
        for number, scene in enumerate(alignment.found)
        if (scenes == number).any()
    ]
    lost = int((scenes < 0).sum())
    if lost:
        found.append({"kind": "cut out", "camera": "unknown", "kept": lost, "residual_px": 0.0})
    return found


def summarize(
    sources: list[Source], scan: Scan, reasons: NDArray[np.str_], gain: NDArray[np.float32]
) -> dict[str, Any]:
    """The footage in dataset.json. gain (N,): the background's brightness over the plate's, NaN where
    unknown."""
    lit = gain[~np.isnan(gain)]
    return {
        "sources": [
            {
                "name": source.path.name,
                "fps": f"{float(source.fps):.6g}",
                "frames": scan.frames[video],
                "declared": source.frames,
                "broken": scan.broken[video],
                "kept": int(((reasons == "") & (scan.videos == video)).sum()),
            }
            for video, source in enumerate(sources)
        ],
        "size": [sources[0].first.shape[1], sources[0].first.shape[0]],
        "fps": str(sources[0].fps),
        "kept": int((reasons == "").sum()),
        "dropped": count(reasons, scan.left_out),
        "light": {
            "p5": float(np.percentile(lit, 5)) if len(lit) else 1.0,
            "p95": float(np.percentile(lit, 95)) if len(lit) else 1.0,
            "flicker": float(np.abs(np.diff(lit)).mean()) if len(lit) > 1 else 0.0,
        },
    }


def warnings_of(summary: dict[str, Any]) -> list[str]:
    """Faults that drop no frames, but without which the player would be better."""
    found = [
        f"{source['name']} breaks off after {source['frames']} frames; what comes before was used. "
        f"Was it copied whole? ({source['broken']})"
        for source in summary["sources"]
        if source["broken"]
    ]
    found += [
        f"{source['name']} holds {source['frames']} of the {source['declared']} frames that it declares: "
        "was it copied whole?"
        for source in summary["sources"]
        if not source["broken"] and source["frames"] < 0.9 * source["declared"]
    ]
    light, kinds = summary["light"], {scene["kind"] for scene in summary["scenes"]}
    if TAKEN_FOR_STILL in kinds:
        found.append(
            "the background has too little texture to tell whether the camera moved: taken for still"
        )
    if "cut out" in kinds:
        found.append(
            "some frames could not be brought into one scene: the player was cut out of them by looks alone; "
            "a camera that stands still makes cleaner edges"
        )
    elif kinds - {STILL, TAKEN_FOR_STILL}:
        found.append("the camera moved; the frames were aligned. A tripod makes cleaner edges")
    if light["p95"] - light["p5"] > 0.03 or light["flicker"] > 0.01:
        found.append(f"the light changes, which was corrected: {rules.ADVICE[rules.OTHER_LIGHT]}")
    if summary["empty_unused"]:
        found.append(
            f"--empty {summary['empty_unused']} does not show the scene that the footage shows, and was not "
            "used: film it from the same place"
        )
    if summary["plate_unseen_share"] > 0.005:
        found.append(
            f"{100 * summary['plate_unseen_share']:.1f} % of the plate was never seen free: "
            "let the player step aside once while the camera runs, or film the empty scene (--empty)"
        )
    found.append(good_for(summary))
    return found


def good_for(summary: dict[str, Any]) -> str:
    """What a player from this footage is good for, and what to film in addition."""
    seconds_kept = summary["kept"] / float(Fraction(summary["fps"]))
    length = f"{seconds_kept:.0f} s of usable footage"
    if seconds_kept < PREVIEW_S:
        return f"{length} make a preview; film two minutes with turns, raised arms and steps for more"
    if seconds_kept < SHOW_S:
        return f"{length} make a simple player; python -m tools.coverage says which moves are missing"
    return f"{length}: enough for a show; python -m tools.coverage says which moves are missing"


def seconds(scan: Scan) -> NDArray[np.float64]:
    """(N,): the time of each frame, with the videos one after the other."""
    total = scan.times_ns / NS_PER_S
    for video in range(1, len(scan.frames)):
        before, after = scan.videos < video, scan.videos == video
        total[after] += total[before].max(initial=0.0)
    return total
