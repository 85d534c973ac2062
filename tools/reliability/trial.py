"""A show under trial: begun, watched, and hurt by one fault after the other."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from realtime.stages.table import PERFORMER
from tools.reliability import sampling
from tools.reliability.faults import Fault
from tools.reliability.sampling import Sample
from tools.reliability.trial_show.running import Harm, NoShow, RunningShow, find
from tools.reliability.trial_show.show import MODULE, SAID, begin
from tools.reliability.untouched import look, touched
from tools.reliability.watching import Audience, Missed, longest_off_live, states

START_S = 900.0
"""Until the show is on air; the first time, networks are compiled."""

RECOVER_S = 45.0
"""A show that is not well so long after a fault has not recovered by itself."""

SPARE_S = 90.0
"""Until there is a spare process again after the last one was used."""

WELL_S = 2.0
"""It is well once it was for so long."""

LOOK_S = 0.2
CYCLE_S = 40.0
"""See `viewers`."""


class TrialError(RuntimeError):
    """A show that cannot be tried; the text says why."""


@dataclass(frozen=True)
class Outcome:
    """What a fault did. lost: ticks that the playout missed, the most
    of which was heard at once (`Missed`). off_live_s: the longest time without
    LIVE. viewer_gap_s: the longest time between two pictures of a viewer. recovered_s: from the fault's end
    until all was well again; None where it was not within RECOVER_S. restarts: by stage. harm: a line for
    each thing that it did and no bar allows."""

    fault: str
    lost: int
    off_live_s: float
    viewer_gap_s: float
    recovered_s: float | None
    restarts: dict[str, int]
    harm: list[str] = field(default_factory=list)

    def breaks(self, fault: Fault) -> str:
        """Which of the fault's bars it is over, "" where none."""
        if self.recovered_s is None:
            return "it did not recover by itself"
        if fault.most_lost is not None and self.lost > fault.most_lost:
            return f"{self.lost} ticks were lost; {fault.most_lost} may be"
        return "; ".join(self.harm)


class Trial:
    """A running show with its watchers. samples: what `sample` took."""

    def __init__(
        self, show: RunningShow, process: subprocess.Popen[bytes], audience: Audience, missed: Missed
    ) -> None:
        self.show = show
        self.samples: list[Sample] = []
        self.hurt: list[tuple[float, float]] = []
        """From when to when there was a fault, or its consequences: monotonic seconds."""
        self.restarted: Counter[str] = Counter()
        """By stage, while there was a fault."""
        self.missed = missed
        self._process = process
        self._audience = audience
        self._fault = ""
        self._begun_s = time.monotonic()

    def sample(self) -> Sample:
        """Raises NoShow."""
        taken = sampling.take(self.show, self._audience.newest(), self._fault)
        self.samples.append(taken)
        return taken

    def is_well(self) -> bool:
        """LIVE, all processes ready, all outputs running, the first viewer sees pictures."""
        show = self.show.state().get("show", {})
        viewers = self._audience.newest()
        return bool(
            show.get("state") == "LIVE"
            and not show["camera"]
            and all(stage["ready"] for stage in show["stages"].values())
            and all(output["state"] == "running" for output in show["outputs"])
            and viewers.get("pictures")
            and viewers["longest_gap_s"] < 1.0
            and time.monotonic() - viewers["at_s"] < 3.0
        )

    def wait_until_well(self, seconds: float) -> float | None:
        """When it began to be well (monotonic seconds); None where it did not within so many seconds."""
        deadline, since = time.monotonic() + seconds, None
        while time.monotonic() < deadline or since is not None:
            if self._process.poll() is not None:
                raise TrialError(f"the show has ended: exit status {self._process.returncode}")
            now_s = time.monotonic()
            since = (since or now_s) if self.is_well() else None
            if since is not None and now_s - since >= WELL_S:
                return since
            time.sleep(LOOK_S)
        return None

    def wait_for_spare(self) -> None:
        """Until a spare performer waits again, as it does in a show that has run for a while; not for ever:
        where memory is short there is none. Raises NoShow."""
        deadline = time.monotonic() + SPARE_S
        try:
            while f"spare {PERFORMER.name}" not in self.show.processes() and time.monotonic() < deadline:
                time.sleep(LOOK_S)
        except psutil.Error:
            raise NoShow("the show has ended") from None

    def restarts(self) -> Counter[str]:
        stages = self.show.state().get("show", {}).get("stages", {})
        return Counter({name: stage["restarts"] for name, stage in stages.items()})

    def hurt_by(self, fault: Fault) -> Outcome:
        """Puts the fault in, takes it out, and waits until all is well. Raises NoShow, TrialError."""
        before = self.restarts()
        untouched = look(self.show) if fault.untouched else None
        harm: list[str] = []
        self._fault = fault.name
        start_s = time.monotonic()
        try:
            with fault.inject(self.show):
                time.sleep(fault.seconds)
        except Harm as error:
            harm.append(str(error))
        taken_back_s = time.monotonic()
        well_s = self.wait_until_well(RECOVER_S)
        if untouched is not None and well_s is not None:
            harm += touched(self.show, untouched)
        self._fault = ""
        end_s = time.monotonic()
        self.hurt.append((start_s, end_s))
        restarts = self.restarts() - before
        self.restarted += restarts
        assert self.show.folder is not None  # noqa: S101  # the show is ours
        return Outcome(
            fault.name,
            max(self.missed.lost(start_s, end_s), default=0),
            round(longest_off_live(states(self.show.folder / "log"), start_s, end_s), 1),
            round(self._audience.longest_gap_s(start_s, end_s), 1),
            None if well_s is None else round(max(0.0, well_s - taken_back_s), 1),
            dict(restarts),
            harm,
        )

    def quiet(self, seconds: float) -> Outcome:
        """No fault at all for so long, as an outcome: what the machine does by itself."""
        start_s = time.monotonic()
        time.sleep(seconds)
        end_s = time.monotonic()
        assert self.show.folder is not None  # noqa: S101  # as above
        return Outcome(
            "",
            max(self.missed.lost(start_s, end_s), default=0),
            round(longest_off_live(states(self.show.folder / "log"), start_s, end_s), 1),
            round(self._audience.longest_gap_s(start_s, end_s), 1),
            0.0,
            {},
        )

    def lost_quietly(self) -> int:
        """Ticks that never came while there was no fault."""
        return sum(
            n
            for at_s, n in list(self.missed.losses)
            if at_s > self._begun_s and not any(start_s <= at_s <= end_s + 1 for start_s, end_s in self.hurt)
        )

    def switch_player(self) -> None:
        """To the next one; nothing where the page is away."""
        state = self.show.state()
        if not state:
            return
        players = state["show"]["choices"]["player"]
        following = players[(players.index(state["show"]["player"]) + 1) % len(players)]
        try:
            self.show.ask("/api/actions/player", {"name": following, "confirm": True})
        except OSError:
            return  # it is asked again in a while

    @contextmanager
    def sampling(self, every_s: float) -> Iterator[None]:
        """Takes samples in a thread until the end of the block."""
        over = threading.Event()

        def run() -> None:
            while not over.wait(every_s):
                try:
                    self.sample()
                except NoShow:
                    return

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@contextmanager
def trial(video: Path, viewers: int, module: str = MODULE) -> Iterator[Trial]:
    """A show on air that records, with viewers. module: see `show.begin`. Raises TrialError."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="dancecam-soak-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        process = stack.enter_context(begin(folder, video, module))
        show = _started(process, folder)
        missed = stack.enter_context(closing(Missed(show)))
        audience = stack.enter_context(closing(Audience(show, viewers, CYCLE_S)))
        show.ask("/api/actions/record", {"on": True})
        begun = Trial(show, process, audience, missed)
        if begun.wait_until_well(START_S) is None:
            raise TrialError(f"the show did not come on air: {json.dumps(show.state())[:500]}")
        yield Trial(show, process, audience, missed)


def _started(process: subprocess.Popen[bytes], folder: Path) -> RunningShow:
    """Once its page answers. Raises TrialError."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = (folder / SAID).read_text(encoding="utf-8").strip().splitlines()
            raise TrialError(f"the show did not start: {said[-1] if said else 'it said nothing'}")
        try:
            show = find(process.pid)
            show.ask("/api/state")
        except (NoShow, OSError, psutil.Error):
            time.sleep(LOOK_S)
        else:
            return show
    raise TrialError("the show's page was not served in time")


def as_data(sample: Sample) -> dict[str, Any]:
    """For a file of JSON: what is drawn and judged."""
    return {
        "at_s": round(sample.at_s, 1),
        "processes": {name: asdict(held) for name, held in sample.processes.items()},
        "shared_mb": round(sample.shared_mb, 1),
        "state": sample.show.get("state"),
        "latency_ms": sample.stats.get("latency_ms"),
        "missed": sample.stats.get("missed"),
        "dropped": sample.stats.get("dropped"),
        "restarts": {name: stage["restarts"] for name, stage in sample.show.get("stages", {}).items()},
        "watching": sample.viewers.get("watching"),
        "fault": sample.fault,
    }
