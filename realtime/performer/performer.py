"""The performer's process: camera ▸ pose ▸ retarget ▸ generate ▸ ring. It may crash; the show goes on.

Four threads: capture, pose (with the retargeting), generate, and the main one, which sends the heartbeats.
Each hand-over between them holds one frame, so the pose of frame n+1 overlaps the generation of frame n.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import cv2
import zmq

from engines.runtime.progress import told_to
from realtime.cameras.camera_name import NotThereYet
from realtime.cameras.video_source import VideoSource
from realtime.config.redact import shown as redacted
from realtime.link.remote_clock import answer
from realtime.performer.camera_tap import CameraTap
from realtime.performer.capture_thread import CameraState, CameraWatch, Captured, CaptureThread
from realtime.performer.confidence import NEVER_FILMED, Confidence
from realtime.performer.duet_pace import measure, said
from realtime.performer.frame_failures import PerformerError
from realtime.performer.inputs_tap import InputsTap
from realtime.performer.marker_search import MarkerSearch
from realtime.performer.networks import Nets
from realtime.performer.paint_step import PaintStep
from realtime.performer.player_swap import PlayerSwap, prepare
from realtime.performer.pose_step import Posed, PoseStep
from realtime.stages.context import StageContext
from realtime.stages.loading import Loading
from realtime.stages.memory import free_bytes
from realtime.stages.niceness import be_nicer
from realtime.stages.stage_link import StageLink
from realtime.transport.bus import Bus, receive_newest
from realtime.transport.frames import open_writer
from realtime.transport.latest import Latest
from realtime.transport.messages import MessageError
from realtime.transport.orders import Orders
from realtime.transport.statuses import PerformerStatus
from realtime.transport.telemetry import Meter
from realtime.transport.texts import shown

IDLE_S = 0.2
"""How long a thread waits for a frame before it says that it is still there."""

NICENESS = 5
"""So much nicer than the programme's clock once everything is loaded. While it loads, the fallback is on air,
and every second counts."""

IDS_PER_ATTEMPT = 1 << 32
"""Frame ids of a restarted performer start at its attempt times this: no id is used twice in a show."""


class Performer:
    """The threads, and what they hand each other."""

    def __init__(
        self, context: StageContext, bus: Bus, nets: Nets, meter: Meter, loaded: Mapping[Path, Nets]
    ) -> None:
        """loaded: the other players who are loaded already."""
        self._bus = bus
        self._meter = meter
        self._rig = context.rig
        self._cameras = context.rig.show.every_camera
        self.orders = Orders(mirror=context.rig.show.mirror)
        self.players = PlayerSwap(
            context.rig.show.player,
            nets,
            lambda text: meter.event(time.monotonic_ns(), text),
            loaded=loaded,
            free_bytes=free_bytes,
        )
        self._frames = open_writer(bus, "tickets", context.rig.frames)
        nets.page_lock(self._frames.memory)
        self.camera = CameraTap(bus, context.rig)
        self._inputs = InputsTap(bus, context.rig)
        self._markers = MarkerSearch(bus)
        self.known: tuple[str, ...] = ("",)
        self.too_slow = ""
        self.confidence = Confidence()
        self._unknown = ""
        self._backend = {"pose": nets.tracker.backend, "generator": nets.render.backend}
        self._to_pose: Latest[Captured] = Latest(meter, "overtaken_before_pose")
        self._to_generate: Latest[Posed] = Latest(meter, "overtaken_before_generate")
        self.capture = CaptureThread(
            self._cameras[0],
            self._captured,
            meter,
            first_frame_id=context.attempt * IDS_PER_ATTEMPT,
            open_source=partial(VideoSource, ask=context.rig.show.capture),
        )
        self._camera_watch = CameraWatch()
        self.camera_trouble = ""
        self._stop = threading.Event()
        self.error: BaseException | None = None
        self._moved_ns = {"pose": time.monotonic_ns(), "generate": time.monotonic_ns()}
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name=work.__name__, daemon=True)
            for work in (self._pose, self._generate)
        ]

    def start(self, *, must_open: bool) -> None:
        """must_open: raise CaptureError where the camera is not there, rather than keep trying. An NDI source
        is waited for in any case."""
        for thread in self._threads:
            thread.start()
        try:
            self.capture.start(must_open=must_open)
        except NotThereYet:
            self.capture.start(must_open=False)

    def stop(self) -> None:
        self._stop.set()
        self.capture.stop()
        self._inputs.close()
        for thread in self._threads:
            thread.join(2.0)

    def obey(self, orders: Orders) -> None:
        """From the next frame on; another player as soon as that one is loaded."""
        self.orders = orders
        self.capture.switch(self._cameras[orders.camera % len(self._cameras)])
        folder = self._rig.folder_of(orders.player)
        if folder is not None:
            self.players.request(folder)
        elif orders.player != self._unknown:
            self._unknown = orders.player
            self._meter.event(
                time.monotonic_ns(), f"this machine's show file has no player {shown(orders.player)}"
            )

    @property
    def camera_name(self) -> str:
        """Which camera is on."""
        return self._rig.show.camera_names[self._cameras.index(self.capture.camera)]

    @property
    def alive_ns(self) -> int:
        """When the slower of the two worker threads last moved."""
        return min(self._moved_ns.values())

    def status(self) -> PerformerStatus:
        """For operators, as it is now."""
        late = self.confidence.late
        return PerformerStatus(
            fan=self.known[0],
            fan_2="".join(self.known[1:]),
            too_slow=self.too_slow,
            confidence=None if late is None else round(late, 2),
            limits="" if self.confidence.trusted else NEVER_FILMED,
            camera=self.camera_trouble or self.capture.trouble,
            camera_name=self.camera_name,
            camera_gives=self.capture.gives,
            camera_size=self.camera.size,
            player=self.players.status,
            backend=self._backend,
        )

    def watch_camera(self, now_ns: int) -> None:
        """Tells of a camera that hangs, and opens it anew. Raises PerformerError where that did not help."""
        capture = self.capture
        state = self._camera_watch.step(now_ns, capture.in_driver_since_ns, capture.frames)
        if state is CameraState.HOPELESS:
            raise PerformerError(f"camera {capture.name} hangs in its driver")
        if state is CameraState.HUNG:
            self._meter.event(now_ns, f"camera {capture.name} hangs in its driver; it is opened anew")
            capture.replace()
        trouble = "" if state is CameraState.WELL else f"camera {capture.name} does not answer"
        if trouble != self.camera_trouble:
            self.camera_trouble = trouble
            self._meter.event(now_ns, trouble or f"camera {capture.name} answers again")

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # handed to the main thread, which ends the process
            self.error = error

    def _captured(self, captured: Captured) -> None:
        """In the capture thread."""
        self._to_pose.put(captured)
        self._inputs.take(captured, self._cameras.index(self.capture.camera))
        self.camera.take(captured, self.capture.period_ns, self.orders)
        if self.orders.measuring:
            self._markers.take(captured)

    def _pose(self) -> None:
        """In the pose thread."""
        rig = self._rig
        posing = PoseStep(self._bus, self._meter, rig.show, rig.player_size[0])  # its socket is this thread's
        while not self._stop.is_set():
            self._moved_ns["pose"] = time.monotonic_ns()
            captured = self._to_pose.take(IDLE_S)
            if captured is None:
                continue
            posed = posing.step(self.players.current(), captured, self.orders)
            self.known = posing.known
            if posed is not None:
                self._to_generate.put(posed)
            elif posing.failures.error is not None:
                raise posing.failures.error

    def _generate(self) -> None:
        """In the generate thread."""
        show = self._rig.show
        painting = PaintStep(
            self._frames,
            show.everyone,
            self._cameras,
            self._meter,
            least_confidence=show.least_confidence,
        )
        self.confidence = painting.confidence
        while not self._stop.is_set():
            self._moved_ns["generate"] = time.monotonic_ns()
            posed = self._to_generate.take(IDLE_S)
            if posed is None:
                continue
            painting.step(posed, self.capture.period_ns, skeleton=self.orders.skeleton)
            if painting.failures.error is not None:
                raise painting.failures.error


class OrdersHeard:
    """The operator's orders, as the performer hears them.

    Of a show on two machines the operator's orders come from the other one, but whoever ends the show on
    this one ends its performer too.
    """

    def __init__(self, bus: Bus, tell: Callable[[str], None] = lambda text: None) -> None:
        """tell: hears, once, why the other machine's orders are not followed."""
        self._tell = tell
        self._told = ""
        self._here = bus.receiver("orders", "performer")
        self._there = None if bus.link is None else bus.receiver("far_orders", "performer")
        self._poller = zmq.Poller()
        for socket in (self._here, self._there):
            if socket is not None:
                self._poller.register(socket, zmq.POLLIN)
        self.quit = False

    def wait(self, timeout_s: float) -> Orders | None:
        """The newest orders, where some come within this time; `quit` tells whether the show ends."""
        self._poller.poll(int(1000 * timeout_s))
        here = self._newest(self._here)
        orders = here if self._there is None else self._newest(self._there)
        self.quit |= any(heard is not None and heard.quit for heard in (here, orders))
        return orders

    def _newest(self, socket: zmq.Socket[bytes]) -> Orders | None:
        message = receive_newest(socket)
        if message is None:
            return None
        try:
            return Orders.unpack(message)
        except MessageError as error:
            if str(error) != self._told:
                self._told = str(error)
                self._tell(f"the operator's machine is not obeyed: {error}")
            return None


def run(context: StageContext, link: StageLink) -> None:
    """The process: until the operator or the parent ends it. Raises what the operator must know."""
    cv2.setNumThreads(1)  # the threads of this process are busy enough
    parts = len(_players_to_prepare(context)) + 2 + _is_duet_tried(context)
    with Loading(link, parts=parts) as loading:
        performer = _load(context, link, loading)
    orders = OrdersHeard(link.bus, lambda text: link.meter.event(time.monotonic_ns(), text))
    restarts: int | None = None
    stop_answering = threading.Event()
    if link.bus.link is not None:
        threading.Thread(target=answer, args=(link.bus, stop_answering), name="clock", daemon=True).start()
    try:
        while not link.stopped():
            heard = orders.wait(link.every_s)
            if orders.quit:
                return
            if heard is not None:
                performer.obey(heard)
                if link.bus.link is not None and restarts not in (None, heard.restarts):
                    raise PerformerError("the operator had it started again")  # on one machine it is killed
                restarts = heard.restarts
            performer.watch_camera(time.monotonic_ns())
            if performer.error is not None:
                raise performer.error
            if not performer.capture.running:
                raise PerformerError(f"the capture of {performer.capture.name} has ended")
            if link.is_due():
                performer.players.make_room()
                link.performer = performer.status()
                link.beat(performer.alive_ns, ready=True)
    finally:
        stop_answering.set()
        performer.stop()


def _players_to_prepare(context: StageContext) -> Sequence[Path]:
    """The others than the show's own. A restarted performer is wanted at once, and finds them on disk."""
    return context.rig.show.players if context.attempt == 0 else ()


def _is_duet_tried(context: StageContext) -> bool:
    """A restarted performer is wanted at once."""
    return context.rig.show.duet is not None and context.attempt == 0


def _load(context: StageContext, link: StageLink, loading: Loading) -> Performer:
    """The performer, started. Raises what the operator must know."""
    show = context.rig.show

    def tell(text: str) -> None:
        link.meter.event(time.monotonic_ns(), text)

    def takes_long(text: str) -> None:
        loading.step(text)
        tell(text)

    loaded: dict[Path, Nets] = {}
    with told_to(doing=takes_long, found=tell, step=loading.step):
        loading.begin("loading the networks")
        nets: Nets = context.rig.nets(show)
        for text in nets.left:
            tell(text)
        for folder in _players_to_prepare(context):
            loading.begin(f"loading the player {folder.name}")
            player = prepare(nets, folder, tell, free_bytes=free_bytes)
            if player is not None:
                loaded[folder] = player
    be_nicer(NICENESS)
    performer = Performer(context, link.bus, nets, link.meter, loaded)
    if nets.second is not None and _is_duet_tried(context):
        loading.begin("trying two dancers")
        pace = measure(nets.second, float(show.programme.fps))
        tell(said(pace))
        performer.too_slow = "" if pace.is_enough else said(pace)
    loading.begin(f"opening camera {redacted(show.camera)}")
    performer.start(must_open=context.attempt == 0)
    return performer
