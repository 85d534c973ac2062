"""Checks the machine's disk, shared memory, clock and fonts."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from engines.pack.manifest import PackError, PackManifest
from engines.plans.digest import cache_folder
from engines.plans.limit import limit_bytes
from realtime.config.outputs import Recorder
from realtime.config.show import Show
from realtime.outputs.disk import FREE_BYTES
from realtime.outputs.recording import BEGIN_S
from realtime.supervise.rig import parts_of
from realtime.transport.frame_ring import RingSpec
from tools.doctor.finding import Case, Finding, fail, ok, warn

SHOW_S = 4 * 3600
"""Seconds for which a recorder should have room."""
ROOMY_BYTES = 1 << 30
"""Logs need little room; a disk with less than this is nearly full."""
SHARED = Path("/dev/shm")  # noqa: S108  # where Linux keeps shared memory
LARGER = "make it larger: mount -o remount,size=1G /dev/shm (Docker: --shm-size=1g)"
FOR_OTHER_DISKS = (Path("/mnt"), Path("/media"), Path("/run/media"))
"""Where other disks are mounted. Where one is missing, its folder lies on the system's disk."""
ASK_S = 5.0
MIB, GIB = 1 << 20, 1 << 30


def look_at_disk(case: Case) -> Iterator[Finding]:
    """Checks the disks for recordings, the log and compiled files."""
    for output in case.show.outputs:
        if isinstance(output, Recorder):
            folder = output.folder
            copies = 1 if output.content_credentials is None else 2  # signing copies a recording
            yield judge_recordings(folder, _free(folder), copies * output.bitrate, _mount_of(folder))
    if case.show.control.log is not None:
        yield judge_room("the show log", case.show.control.log, _free(case.show.control.log), ROOMY_BYTES)
    folder = cache_folder()
    yield judge_room("what is compiled", folder, _free(folder), limit_bytes())


def judge_recordings(folder: Path, free: int, bitrate: int, mount: Path) -> Finding:
    """mount: where the folder's disk is mounted."""
    seconds = max(0, free - FREE_BYTES) * 8 // bitrate
    found = f"recordings in {folder}: {free / GIB:.1f} GB free, room for {seconds / 3600:.1f} hours"
    if seconds < BEGIN_S:
        return fail("disk", found, "make room: no recording begins (python -m tools.purge)")
    foreign = [place for place in FOR_OTHER_DISKS if folder.absolute().is_relative_to(place)]
    if foreign and not any(mount.is_relative_to(place) for place in foreign):
        return warn("disk", f"{found}, on the disk of {mount}", "mount the disk that they are meant for")
    if seconds < SHOW_S:
        return warn("disk", found, "make room for a whole evening (python -m tools.purge)")
    return ok("disk", found)


def judge_room(what: str, folder: Path, free: int, wanted: int) -> Finding:
    found = f"{what} in {folder}: {free / GIB:.1f} GB free"
    if free < wanted:
        return warn("disk", found, f"make room: {wanted / GIB:.1f} GB may be wanted (python -m tools.purge)")
    return ok("disk", found)


def _free(folder: Path) -> int:
    """Free bytes on its disk. Raises OSError."""
    return shutil.disk_usage(_existing(folder)).free


def _existing(folder: Path) -> Path:
    """The folder or its nearest parent that is there, as a show makes its folders itself."""
    path = folder.absolute()
    while not path.exists():
        path = path.parent
    return path


def _mount_of(folder: Path) -> Path:
    """Where its disk is mounted."""
    path = _existing(folder).resolve()
    while not path.is_mount():
        path = path.parent
    return path


def look_at_inputs(case: Case) -> Iterator[Finding]:
    """Whether the show keeps the camera's pictures (`run_live.py --record-inputs`), and the room for them."""
    asked = case.show.record_inputs
    if asked is None:
        yield ok("inputs", "nothing of the camera is kept")
        return
    yield warn(
        "inputs",
        f"the camera's pictures are being kept in {asked.folder}",
        f"a show with fans is started without --record-inputs; python -m tools.purge {asked.folder}",
    )
    yield judge_room("the recording of inputs", asked.folder, _free(asked.folder), ROOMY_BYTES)


def look_at_shared_memory(case: Case) -> Iterator[Finding]:
    try:
        size = PackManifest.load(case.show.player).size
    except PackError:
        size = case.show.programme.size or (1920, 1080)
    usage = shutil.disk_usage(SHARED)
    yield judge_shared_memory(usage.free, usage.total, ring_bytes(case.show, size))


def ring_bytes(show: Show, player: tuple[int, int]) -> int:
    """The size of a show's rings (`supervise.rig`). player: width and height of the player's picture."""
    width, height = show.programme.size or player
    rings = [RingSpec("", player[1], player[0], 4 if show.layered else 3), RingSpec("", height, width)]
    rings += [RingSpec("", height, width, 4 if part == "layer" else 3) for part in parts_of(show)]
    if show.record_inputs is not None:
        kept = show.record_inputs.size
        rings.append(RingSpec("", kept[1], kept[0]))
    return sum(ring.slots * ring.slot_bytes for ring in rings)


def judge_shared_memory(free: int, total: int, needed: int) -> Finding:
    found = f"{SHARED}: {free // MIB} of {total // MIB} MiB free; the show takes {-(-needed // MIB)}"
    if free < needed:
        return fail("memory", found, LARGER)
    if free < 2 * needed:
        return warn("memory", found, LARGER)
    return ok("memory", found)


def look_at_clock(_: Case) -> Iterator[Finding]:
    """Whether the clock is synchronized, by systemd or by chrony."""
    told = _ask("timedatectl", "show", "--property=NTPSynchronized", "--property=NTP")
    tracked = _ask("chronyc", "-n", "tracking")
    yield judge_clock(told, tracked)


def judge_clock(timedatectl: str, chrony: str) -> Finding:
    """timedatectl, chrony: the output of both; "" where one is missing or silent."""
    said = dict(line.split("=", 1) for line in timedatectl.splitlines() if "=" in line)
    leap = next(
        (line.partition(":")[2].strip() for line in chrony.splitlines() if line.startswith("Leap")), ""
    )
    if said.get("NTPSynchronized") == "yes" or leap == "Normal":
        return ok("clock", "it is synchronised")
    if not said and not leap:
        return warn(
            "clock",
            "neither timedatectl nor chrony says how it is",
            "compare it with another clock: logs need it",
        )
    advice = "timedatectl set-ntp true" if said.get("NTP") == "no" else "give it its time server"
    return warn("clock", "it is not synchronised: times in logs and recordings are wrong", advice)


def look_at_fonts(case: Case) -> Iterator[Finding]:
    """Checks the fonts for the slate, which draws its letters itself, and for a console on this machine."""
    names = []
    for folder in case.show.packs:
        try:
            names.append(PackManifest.load(folder).name)
        except PackError:
            continue  # the check of the packs reports it
    yield judge_slate(names)
    yield judge_fonts(_ask("fc-match", "--format=%{family}", "sans-serif"), _font_files())


def judge_slate(names: Sequence[str]) -> Finding:
    odd = [name for name in names if not name.isascii()]
    if odd:
        return warn(
            "fonts",
            f"the slate writes English letters alone: {', '.join(odd)} will have question marks",
            "name the player in English letters: tools.train --name",
        )
    return ok("fonts", "the slate can write every player's name")


def judge_fonts(matched: str, files: int) -> Finding:
    """matched: fontconfig's sans-serif. files: the number of fonts on the disk."""
    if matched or files:
        return ok("fonts", f"a console on this machine is written in {matched or 'one of its fonts'}")
    return warn("fonts", "this machine has no fonts", "for a browser on it: apt install fonts-dejavu-core")


def _font_files() -> int:
    folders = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".fonts")
    return sum(1 for folder in folders for _ in folder.rglob("*.[ot]t[fc]"))


def _ask(*command: str) -> str:
    """A program's output; "" where it is missing, fails, or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=ASK_S, check=True)
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
