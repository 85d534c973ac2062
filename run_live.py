"""From a show file, or from nothing, to a running show."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import socket
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from realtime.cameras.camera_list import camera_lines
from realtime.cameras.camera_name import CameraName, CaptureError
from realtime.config.redact import shown
from realtime.config.show import BUNDLED_OTHERS, Show, ShowError, check_show, load_show
from realtime.control.flags import parse
from realtime.control.keys import KeyConflict, Keymap
from realtime.control.show_log import ShowLog
from realtime.control.surfaces.mapping import MapError, check_maps, check_names
from realtime.control.terminal.console import open_console
from realtime.control.terminal.outlet import Console
from realtime.inputs.folder import ACTIONS, REPORT, RecordingError, begin, remove
from realtime.inputs.lines import JsonLines
from realtime.layers.layers import LayerError, check_layers
from realtime.outputs.disk import FREE_BYTES, free_bytes
from realtime.outputs.synthetic import CredentialsError
from realtime.performer.networks import DUET_ON_CPU, Nets, load_nets
from realtime.programme.backgrounds import BackgroundError, check_backgrounds
from realtime.stages.table import WEB, stages_of
from realtime.supervise.operators import choices_of, lacking_of
from realtime.supervise.rig import Player
from realtime.supervise.signals import has_terminal, heed
from realtime.supervise.signing import sign_recordings, signers_of, written
from realtime.supervise.summary import kept, summary
from realtime.supervise.supervisor import Supervisor, SupervisorError
from realtime.transport.bus import Link, Side
from realtime.transport.curve_keys import KeyFileError, key_pair, public_key


class UsageError(ValueError):
    """What was asked for cannot be done; the text names it and the next step."""


FAULTS = (
    ShowError,
    UsageError,
    CaptureError,
    KeyFileError,
    BackgroundError,
    LayerError,
    RecordingError,
    CredentialsError,
)
"""What a show file, or the command line, can have wrong; the text is one line."""


def inputs_of(options: argparse.Namespace) -> dict[str, Any] | None:
    """What --record-inputs and its companions ask for. Raises UsageError."""
    asked = {"fps": options.record_inputs_fps, "size": options.record_inputs_size}
    if options.record_inputs is None:
        if any(value is not None for value in asked.values()):
            raise UsageError("--record-inputs-fps and --record-inputs-size need --record-inputs FOLDER")
        return None
    if options.role != "all":
        raise UsageError("--record-inputs works on one machine: leave --role out")
    if asked["size"] is not None:
        sides = asked["size"].split("x")
        if len(sides) != 2 or not all(side.isascii() and side.isdecimal() for side in sides):
            raise UsageError(f"--record-inputs-size {asked['size']}: write WIDTHxHEIGHT, such as 1280x720")
        asked["size"] = tuple(int(side) for side in sides)
    given = {name: value for name, value in asked.items() if value is not None}
    return {"folder": options.record_inputs.absolute(), **given}


def show_of(options: argparse.Namespace) -> Show:
    """The show file with the flags laid over it. Raises ShowError, UsageError."""
    if options.seconds is not None and not options.seconds > 0:
        raise UsageError(f"--seconds {options.seconds}: the show needs more than 0 seconds")
    if options.show is None:
        others = BUNDLED_OTHERS if options.player is None else ()
        show = Show(start="live", players=others)
    else:
        show = load_show(options.show)
        check_controls(show, f"show file {options.show}")
    changes: dict[str, Any] = show.model_dump()
    for name in ("camera", "player", "backend"):
        if getattr(options, name) is not None:
            changes[name] = getattr(options, name)
    if options.camera is not None:
        changes["cameras"] = ()
    if options.port is not None:
        changes["webrtc"]["port"] = options.port
    if options.log is not None:
        changes["control"]["log"] = options.log
    if options.allow_expired:
        changes["allow_expired"] = True
    changes["record_inputs"] = inputs_of(options)
    return check_show(changes, "command line")


def check_controls(show: Show, where: str) -> None:
    """Whether the keys and maps of a show can be used. where: named in the error. Raises ShowError."""
    try:
        Keymap(show.keys)
    except KeyConflict as error:
        raise ShowError(f"{where}: keys: {error}") from error
    try:
        check_maps(show.control)
    except MapError as error:
        raise ShowError(f"{where}: {error}") from error


def check_surfaces(show: Show, player: Player) -> None:
    """Whether the show has what its maps name, and a process that hears its surfaces. Raises UsageError."""
    if show.control.has_surfaces and not show.webrtc.port:
        raise UsageError(
            "[control]: OSC, MIDI and Art-Net are heard by the process that serves the page: give it a port "
            "(webrtc.port, or --port)"
        )
    try:
        check_names(show.control, choices_of(show, player), lacking_of(show))
    except MapError as error:
        raise UsageError(str(error)) from error


def link_of(show: Show, role: str) -> Link | None:
    """This machine's end of the link; None where it runs all. Raises UsageError, KeyFileError."""
    if role == "all":
        return None
    if show.link is None:
        raise UsageError(f"--role {role}: the show file has no [link]: write both machines' addresses there")
    side: Side = "performer" if role == "performer" else "playout"
    other: Side = "playout" if side == "performer" else "performer"
    key_pair(show.link.keys, side)
    public_key(show.link.keys, other)
    return Link(side, show.link.performer, show.link.playout, show.link.port, show.link.keys)


def check_ports(show: Show, link: Link | None) -> None:
    """Whether this machine can open what it is to serve. Raises UsageError."""
    if link is not None:
        for port in link.listens_on():
            why = _why_shut(link.here, port)
            if why:
                raise UsageError(
                    f"[link] {link.side} = {link.here!r}: port {port} cannot be opened ({why}): is it an "
                    "address of this machine, and does no other show run on it?"
                )
    if show.webrtc.port and (link is None or link.side == "playout"):
        why = _why_shut(show.webrtc.host, show.webrtc.port)
        if why:
            raise UsageError(
                f"the page cannot be served on {show.webrtc.host}:{show.webrtc.port} ({why}): "
                "close the program that has it, or choose another port with --port"
            )


def _why_shut(host: str, port: int) -> str:
    """Why a port cannot be opened, "" where it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        return str(error.strerror).partition(" (while")[0]
    return ""


def check(show: Show, report: Path | None, role: str = "all") -> Player:
    """What can be known before any process starts. Raises what `main` turns into one line."""
    if show.duet is not None and role != "all":
        raise UsageError(f"--role {role}: a duet runs on one machine: take [duet] out of the show file")
    if role != "playout":
        for camera in show.every_camera:
            CameraName.parse(camera)
    if role != "performer":
        check_backgrounds(show.backgrounds)
        check_layers(show.all_layers)
        stages_of(show)
    if report is not None and not report.resolve().parent.is_dir():
        raise UsageError(f"--report {report}: there is no folder {report.resolve().parent}")

    from engines.backends.choice import PLANNED, choose_backend, is_on_device
    from engines.pack.manifest import PackError, PackManifest
    from engines.plans.limit import limit_bytes
    from engines.runtime.engine import EngineError

    try:
        limit_bytes()
        if role != "playout" and show.backend != "auto":  # the networks run on the other machine
            choose_backend(show.backend)
            if show.duet is not None and is_on_device(show.backend):
                raise UsageError(f'[duet]: {DUET_ON_CPU}, not by {show.backend}: write backend = "auto"')
        pack = PackManifest.load(show.player)
        others = [(folder, PackManifest.load(folder)) for folder in show.players]
        second = None if show.duet is None else PackManifest.load(show.duet.player)
        if show.backend in PLANNED and role != "playout":
            # torch takes seconds: the others need not wait
            from engines.build.check_plans import require_plans
            from engines.pack.player_pack import PlayerPack

            for folder in show.everyone:
                require_plans(folder, PlayerPack.load(folder), show.backend)
    except (PackError, EngineError) as error:
        raise UsageError(str(error)) from error
    names = {pack.name: show.player}
    for folder, other in others:
        if other.size != pack.size:
            raise UsageError(
                f"player {folder} is {other.size[0]}x{other.size[1]} pixels, but {show.player} is "
                f"{pack.size[0]}x{pack.size[1]}: a show switches between players of one size"
            )
        if other.name in names:
            raise UsageError(f"players {names[other.name]} and {folder} are both named {other.name!r}")
        names[other.name] = folder
    if second is not None and second.size != pack.size:
        raise UsageError(
            f"[duet] player {second.folder} is {second.size[0]}x{second.size[1]} pixels, but {show.player} "
            f"is {pack.size[0]}x{pack.size[1]}: both dance in one picture"
        )
    packs = (pack, *(other for _, other in others), *(() if second is None else (second,)))
    rights = {each.name: each.rights for each in packs if each.rights is not None}
    for name, each in rights.items():
        expiry = each.expiry(name, datetime.now().date())
        if expiry and not show.allow_expired:
            raise UsageError(expiry)
    player = Player(
        pack.name,
        pack.size,
        pack.standby,
        {other.name: folder for folder, other in others},
        tuple(folder / "plate.png" for folder in show.everyone),
        rights,
        "" if second is None else second.name,
    )
    if role != "performer":
        check_surfaces(show, player)
    return player


def say_where(show: Show, token: str, console: Console) -> None:
    """Where the page and the console are served."""
    host = f"[{show.webrtc.host}]" if ":" in show.webrtc.host else show.webrtc.host
    url = f"http://{host}:{show.webrtc.port}/"
    console.say(f"programme: {url}")
    if show.control.token is None or sys.stdout.isatty():
        console.say(f"console: {url}console#token={token}")
    else:  # what is printed may be kept: by systemd, or in a file
        console.say(f"console: {url}console (the show file has its token)")
    if show.webrtc.public_url is not None:
        console.say(f"from elsewhere: {show.webrtc.public_url}/ and {show.webrtc.public_url}/console")


def run(
    show: Show,
    player: Player,
    options: argparse.Namespace,
    nets: Callable[[Show], Nets] = load_nets,
    link: Link | None = None,
) -> None:
    """The show itself; writes the report however it ends.

    Raises SupervisorError, ShowLogError.
    """
    with contextlib.ExitStack() as stack:
        log = inputs = None
        if show.record_inputs is not None:
            inputs = JsonLines(show.record_inputs.folder / ACTIONS, "the recording of actions")
            stack.callback(inputs.close)
        if show.control.log is not None:
            log = ShowLog(show.control.log, datetime.now())
            stack.callback(log.close)
        operated = link is None or link.side == "playout"
        has_keys = operated and not options.headless and sys.stdin.isatty() and sys.stdout.isatty()
        quick = Keymap(show.keys).quick
        console = stack.enter_context(
            open_console((lambda key: supervisor.key(key)) if has_keys else None, quick)
        )
        supervisor = Supervisor(
            show,
            player,
            nets,
            console,
            seconds=options.seconds,
            log=log,
            link=link,
            has_keys=has_keys,
            inputs=inputs,
            once_ready={WEB.name: lambda: say_where(show, supervisor.token, console)},
        )
        interrupt = supervisor.interrupt if has_terminal() else supervisor.stop
        heed(supervisor.stop, interrupt, supervisor.hang_up)
        if has_keys:
            console.say(f"keys:\n{supervisor.desk.keymap.help_text()}")
        if link is None or link.side == "performer":
            console.say(f"{player.name} dances to {shown(show.camera)}")
            console.say("preparing the networks; the first time takes half a minute or more")
        if link is not None:
            console.say(
                f"the operator is at {link.there}; the end here ends the performer alone"
                if link.side == "performer"
                else f"the performer is at {link.there}; the end here ends both"
            )
        try:
            supervisor.run()
        finally:
            if operated and (said := summary(supervisor.report())):
                console.say(said)
            if options.report is not None:
                write_report(supervisor.report(), options.report)
            if show.record_inputs is not None:
                for line in kept(supervisor.status(), show.record_inputs.folder):
                    console.say(line)
                write_report(supervisor.report(), show.record_inputs.folder / REPORT)


def write_report(report: dict[str, Any], path: Path) -> None:
    """Whole, or not at all. Raises OSError."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    part.replace(path)


def begin_recording(show: Show) -> None:
    """Makes the folder of the inputs, where they are recorded. Raises RecordingError, UsageError."""
    if show.record_inputs is None:
        return
    begin(show.record_inputs, show, datetime.now())
    free = free_bytes(show.record_inputs.folder)
    if free < FREE_BYTES:
        remove(show.record_inputs.folder)
        where = f"--record-inputs {show.record_inputs.folder}"
        raise UsageError(f"{where}: the disk has only {free // 2**20} MB left: make room")


def main(arguments: list[str]) -> int:
    """Exit status: 0 after a show, 1 where it could not go on, 2 where it could not be started."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # errors are told in our own words
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))  # a dump of memory would hold the fan's pictures
    options = parse(arguments)
    if options.list_cameras:
        for line in camera_lines():
            print(line)
        return 0
    try:
        show = show_of(options)
        link = link_of(show, options.role)
        player = check(show, options.report, options.role)
        check_ports(show, link)
        signers = [] if options.role == "performer" else signers_of(show)
        begin_recording(show)
    except FAULTS as error:
        print(f"run_live: {error}", file=sys.stderr)
        return 2
    before = written(signers)
    try:
        run(show, player, options, link=link)
    except (SupervisorError, OSError) as error:
        print(f"run_live: {error}", file=sys.stderr)
        return 1
    return sign_recordings(signers, before, options.show) if signers else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
