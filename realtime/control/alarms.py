"""TABLES of what a show tells its operator: states and alarms, what they mean, and what to press. Pure.

The console's hints, the show log, docs/alarms.md and the operator's card are drawn from them. A show says
what is wrong in two places: beside the state, and as a message in log and terminal. `hints.py` finds the row
to which such a text belongs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ANY = "…"
"""In the texts of the tables: whatever stands in this place, such as a camera's name."""


@dataclass(frozen=True)
class StateMeaning:
    """colour: of the word in the console. do: with actions in braces, see `with_keys`."""

    name: str
    colour: str
    means: str
    do: str


STATES: Mapping[str, StateMeaning] = {
    state.name: state
    for state in (
        StateMeaning("LIVE", "red", "The player dances with the fan.", "Nothing. Watch the preview."),
        StateMeaning(
            "HOLD",
            "amber",
            "No new picture: the last one stands still, for a moment at most.",
            "Nothing: LIVE or FALLBACK follows by itself.",
        ),
        StateMeaning("FREEZE", "red", "The picture stands still, as ordered.", "{freeze} goes on."),
        StateMeaning(
            "FALLBACK",
            "blue",
            "The player's standby loop, or the camera.",
            "“waits for TAKE”: {take}. Else LIVE comes back by itself: the reason is beside the state.",
        ),
        StateMeaning(
            "SLATE",
            "white",
            "The still board: ordered, or there is nothing else to show.",
            "“ordered”: {take} brings the player back, {fallback} the standby loop.",
        ),
    )
}
"""TABLE of the states of the programme."""


@dataclass(frozen=True)
class Alarm:
    """Something that an operator should know of.

    beside: the texts that stand beside the state. said: those in log and terminal. seen: where it is seen
    else. means: what has happened, and what the board shows. press: what to do, with actions in braces, see
    `with_keys`. on_card: whether it is on the operator's card: what may happen at any show.
    """

    name: str
    means: str
    press: str
    beside: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    seen: str = ""
    on_card: bool = True


ALARMS: tuple[Alarm, ...] = (
    Alarm(
        "The performer is given up",
        "It was lost more than five times in a minute. The fallback stays on air.",
        "{restart}. If it does not last: {camera}, another player, or stay on the fallback.",
        beside=("the performer is given up",),
        said=("performer is given up after … restarts: …",),
    ),
    Alarm(
        "The performer prepares",
        "The networks are loaded. The first start of a player takes minutes, later ones seconds. The console "
        "says which step it is, and for how long.",
        "Wait. If one step stands still for minutes: {restart}.",
        beside=("the performer is …", "the performer is not ready"),
    ),
    Alarm(
        "Nobody is followed",
        "No fan is seen in the camera's picture, or none on the venue's floor, or the one who was picked is "
        "gone.",
        "{camera-preview}: the fan must be in it from head to feet, in the light. Click the fan, or "
        "{unpick}.",
        beside=("nobody is followed in the camera's picture",),
        said=(
            "the picked fan is gone: nobody dances until you pick again, or unpick",
            "nobody was found where the operator picked",
            "second fan: …",
        ),
    ),
    Alarm(
        "Two dancers are too much for this machine",
        "It was tried before the show: with two dancers fewer than 20 new pictures a second come, and the "
        "dance is seen to jerk.",
        "Begin without [duet] in the show file, or use smaller player packs or a faster machine.",
        said=("two dancers are too much for this machine: about … new pictures a second, … with one",),
        on_card=False,
    ),
    Alarm(
        "Never filmed like this",
        "The fan does what the player never did: lies, or stands on the hands.",
        "Nothing: LIVE comes back with the next ordinary pose.",
        beside=("the player was never filmed like this",),
        said=("the player was never filmed like this",),
    ),
    Alarm(
        "The camera hangs",
        "The camera's driver does not answer. It is opened anew after 12 s; if that does not help, the "
        "performer is started again 12 s later.",
        "{camera} takes the next one. Else wait half a minute, then unplug the camera and plug it in.",
        beside=("camera … does not answer",),
        said=("camera … hangs in its driver; it is opened anew", "camera … does not answer"),
    ),
    Alarm(
        "The next camera gives no picture yet",
        "Another camera was switched to. The one before goes on until the next gives a picture.",
        "Wait some seconds, or choose the camera before again.",
        beside=("camera … has given no picture yet",),
        on_card=False,
    ),
    Alarm(
        "The camera is lost",
        "No picture comes from the camera. It is tried again, after 4 s at most, for as long as the show "
        "lasts.",
        "Check its cable, its power, and what the text names. {camera} takes the next one.",
        beside=("camera …",),
        said=("…; trying again",),
    ),
    Alarm(
        "Pictures come unsteadily",
        "The performer is ready, and its pictures come too slowly or with gaps.",
        "If it does not pass: close other programs on the machine, then {restart}.",
        beside=("no frames come steadily", "no new frame comes"),
    ),
    Alarm(
        "The lens does not fit the camera",
        "The venue file has the lens for pictures of another shape than the camera gives. The show goes on; "
        "the lens's distortion stays in the fan's pose.",
        "Nothing tonight. Set the camera's old size, or measure the lens again: tools.camera lens.",
        said=("the lens was measured at …, the camera gives …: its distortion stays; measure it again",),
        on_card=False,
    ),
    Alarm(
        "A frame was skipped",
        "One picture failed. Further ones are only counted; after 60 in a row the performer starts again "
        "by itself.",
        "Nothing.",
        said=("a frame was skipped (…); further ones are only counted",),
        on_card=False,
    ),
    Alarm(
        "The performer is started again, as ordered",
        "By {restart}. The fallback is on air until it is ready.",
        "Nothing.",
        said=("performer was lost (the operator had it started again); starting it again",),
        on_card=False,
    ),
    Alarm(
        "The performer was lost",
        "Its process ended or hung. The board shows the fallback; the next one is ready within seconds.",
        "Nothing: LIVE comes back by itself.",
        said=("performer was lost (…); starting it again",),
    ),
    Alarm(
        "The playout was lost",
        "The programme's process ended or hung. The board stands still for up to 2 s, or 7 s where it hung; "
        "viewers and recordings stay. If it is lost more than five times in a minute, the show ends.",
        "Nothing. If the show ended: start it again.",
        said=("playout was lost (…); starting it again",),
    ),
    Alarm(
        "An output failed",
        "This output sends nothing; all others go on. It tries again by itself, every 30 s at the latest.",
        "Check what the text names: cable, network, disk, program.",
        said=("output … was lost (…); starting it again",),
        seen="its line under Outputs says failed",
    ),
    Alarm(
        "The web server was lost",
        "The console and the page's state are gone for seconds. The board is not touched.",
        "Nothing: browsers come back. Keys in the terminal work.",
        said=("web server was lost (…); starting it again",),
    ),
    Alarm(
        "The console is not connected",
        "This browser does not reach the show. The board is not touched.",
        "Look at the board; use the terminal's keys. Check the browser's network: the page tries again by "
        "itself.",
        seen="the console says NO SHOW, not connected",
    ),
    Alarm(
        "The player cannot be loaded",
        "The player who was chosen cannot dance here, and why is in the text. Who danced goes on.",
        "Choose another player. To try again, choose somebody else first.",
        said=(
            "the player … cannot be loaded (…); … dances on",
            "the player … cannot be loaded (…)",
            "this machine's show file has no player …",
        ),
        seen="beside Player: (… failed)",
    ),
    Alarm(
        "Nothing to fall back on",
        "The standby loop cannot be played, so the slate takes its place.",
        "The live player is not touched: {take}. Another player has a loop of their own.",
        beside=("there is nothing to fall back on",),
        said=("standby loop: …",),
    ),
    Alarm(
        "A MIDI controller is not heard",
        "It is gone, another program has it, or this machine cannot use MIDI. It is looked for all the time.",
        "Check its cable, and what the text names. Console, terminal and OSC work.",
        said=(
            "the MIDI device … is gone",
            "no MIDI device is named …: connect it, or name another (…)",
            "the MIDI device … cannot be opened (…): close the program that has it",
            "MIDI needs mido and python-rtmidi (…): …",
            "this machine has no MIDI (… is missing): try: modprobe snd-seq",
            "this machine's MIDI cannot be used: …",
        ),
        on_card=False,
    ),
    Alarm(
        "The music's tempo is not heard",
        "No MIDI clock or Ableton Link comes. On the beat, the last tempo goes on.",
        "Check what the text names, or tap along: {tap}.",
        said=("…; the tempo goes on as it was",),
        on_card=False,
    ),
    Alarm(
        "A layer failed",
        "This layer is not seen any more; the programme goes on without it.",
        "Nothing, or switch it off.",
        said=("layer …: …",),
        on_card=False,
    ),
    Alarm(
        "The agreement of a player ends",
        "From the day after the date on, a show with this player does not begin.",
        "Nothing tonight. Tell whoever keeps the agreements.",
        seen="a date on the player's button",
        on_card=False,
    ),
    Alarm(
        "A backend does not work",
        "What usually runs the networks cannot, for example a GPU without memory. The next one does, and "
        "may be slower.",
        "Nothing, if LIVE is steady. Before the next show: tools.doctor.",
        said=("the backend … does not work here (…)",),
        on_card=False,
    ),
    Alarm(
        "The show log is written no more",
        "The disk is full or gone. The show goes on without a log.",
        "Make room on the disk after the show.",
        said=("… is written no more: …; the show goes on",),
        on_card=False,
    ),
    Alarm(
        "The recording of inputs has ended",
        "The disk is full or gone. The show goes on; what was recorded of the rehearsal can be replayed.",
        "Make room on the disk after the show.",
        said=("the recording in … was ended: …; the show goes on",),
        on_card=False,
    ),
    Alarm(
        "The other machine is not heard",
        "Of a show on two machines. The board shows the fallback.",
        "Check the cable, and that the performer runs there. It comes back by itself.",
        said=(
            "the … is not heard any more; it is back by itself once the link is",
            "the … is not heard yet: it prepares its networks, or does not run, or has other keys, or ports "
            "from … on are closed",
            "link was lost (…); starting it again",
            "link is given up after … restarts: …",
        ),
        on_card=False,
    ),
    Alarm(
        "The two machines do not match",
        "They have different versions of Dancecam, or other show files. What is on air stays.",
        "Install the same version and the same show file on both, before the next show.",
        said=(
            "… is not understood: …",
            "there is no stage … in this show",
            "the operator's machine is not obeyed: …",
            "the performer's frames are of another size: both machines need the same show file and player",
        ),
        on_card=False,
    ),
    Alarm(
        "Somebody tries tokens",
        "Somebody asks for the console with a wrong token. They are slowed down; you are not.",
        "Nothing. If it goes on: a new token in the show file, before the next show.",
        said=("wrong token", "wrong token; … of them since the last such line"),
    ),
    Alarm(
        "OSC messages are ignored",
        "A sender asks too much, or sends what is no OSC. The show is not touched.",
        "Check that sender.",
        said=("ignored so far: …",),
        on_card=False,
    ),
    Alarm(
        "The console has no room for connections",
        "Something holds very many connections. Idle ones are closed; the board is not touched.",
        "Close forgotten pages. Raise the limit (ulimit -n) before the next show.",
        said=(
            "this process has no file handle left for the console; idle connections are closed. Raise the "
            "limit (ulimit -n) before the next show",
        ),
        on_card=False,
    ),
    Alarm(
        "The terminal is gone",
        "Its window was closed, or SSH was lost. The show goes on.",
        "Work in the console. {quit} there, or the kill that the text names, ends the show.",
        said=("the terminal is gone; the show goes on until it is ended in the console or by kill …",),
    ),
    Alarm(
        "Something else failed",
        "A part of the supervisor failed once. The show goes on.",
        "Nothing. Keep the show log for whoever looks after the machine.",
        said=("…; the show goes on",),
        on_card=False,
    ),
)
"""TABLE of alarms. Of two rows that a text fits, the upper one is its own."""

CALM: Mapping[str, str] = {
    "the programme is starting": "the playout has not begun yet",
    "ordered": "somebody pressed the key",
    "frames come steadily": "all is well",
    "waits for TAKE": "{take} puts the player on air",
    "… s behind; … comes": "the programme is delayed; this state follows",
}
"""TABLE of what stands beside the state where nothing is wrong: text → what it means."""

_BY_NAME = {row.name: row for row in ALARMS}
OUTPUT_FAILED = _BY_NAME["An output failed"]
PLAYER_FAILED = _BY_NAME["The player cannot be loaded"]

NOTES: Mapping[str, str] = {
    **dict.fromkeys(("LIVE", "HOLD", "FREEZE", "FALLBACK", "SLATE"), "the state has changed"),
    "camera … is back": "it gives pictures again",
    "camera … answers again": "its driver does",
    "camera … is on": "its pictures are used from now on",
    "camera … gives …": "size, format and rate of its pictures",
    "loading the player …": "that one dances once it is loaded",
    "… dances now": "the player has changed",
    "two dancers: about … new pictures a second here, … with one": "tried before the show, for a duet",
    "the … is heard": "the performer on the other machine",
    "choosing the precision of the generator (about a minute, once)": "a step of a first start",
    "quantizing the generator to INT8 (about half a minute, once)": "likewise",
    "compiling the generator (some seconds, once)": "likewise",
    "cutting up the player's pictures (some seconds, once)": "likewise",
    "precision of the generator: …": "what was chosen for this machine",
    "the MIDI device … is heard": "a controller or a clock is there",
    "… is followed": "the music's tempo comes from there",
    "flash at … s": "when the white flash that was ordered was due, seconds since 1970",
    "the camera's pictures are being kept in …": "the show was started with --record-inputs",
    "(… more)": "so many lines were left out, for more came than can be read",
    "Ctrl-C: press it again in … to … seconds to end the show": "where no keys are heard",
}
"""TABLE of what is said where nothing is wrong: text → what it means."""
