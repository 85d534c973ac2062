"""The operator's orders as every process of the show gets them. `control.actions` makes new ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from engines.pose.tracking.choosing import Rule
from realtime.config.fields import Share
from realtime.transport import messages

if TYPE_CHECKING:
    from realtime.config.show import Show

FADE_S = 0.5
"""How long TAKE fades unless the operator says otherwise."""

MOST_SECONDS = 5.0
"""The longest fade and the longest delay of the programme."""

LEAST_BPM, MOST_BPM = 30.0, 300.0
"""The slowest and the fastest tempo of music, beats a minute."""

MOST_TAPS = 16
"""Taps from which a tempo is found."""

LONGEST_NAME = 60
"""Letters in the fan's name."""

Seconds = Annotated[float, Field(ge=0, le=MOST_SECONDS)]


@dataclass(frozen=True)
class Orders:
    """Everything that the operator wants at one moment. It is sent whole and repeatedly, so none of it can be
    lost.

    What happens once is a number that rises: a stage acts when the number differs from the one it saw last.
    The first number that a stage sees counts as done.

    armed: the next risky action needs no confirmation. taken: live goes on air whenever it is healthy.
    frozen: what is on air stands still. slate: the slate is on air, whatever else. mirror, skeleton: of the
    player's picture. quit: the show ends. locked: what was learned of the fan stays as it is; for a new fan,
    once it is known. redos: rises with each order to forget the fan's body and learn it anew. fade_s: how
    long the next TAKE or FALLBACK fades, 0 to 5. transition_s: how long the last one fades, 0 for a cut.
    delay_s: how far the programme runs behind, 0 to 5. dumps: rises with each DUMP, which throws the delayed
    seconds away; `taken` is False after it. camera: which of the show's cameras is on, from 0; it
    goes round: of three, 4 is the second. camera_preview: the preview shows the camera with landmarks, not
    the player. player: the name of the player who dances; "" is the show's own. Each machine finds the pack
    in its own show (`Rig.folder_of`). background: what is behind the player, one of the show's; "plate" and
    "" are the player's plate. pick: the fan to follow, in the camera's picture from 0 to 1: a point (x, y), a
    box (x0, y0, x1, y1), or () for the rule's choice. picks: rises with each pick, so that the same place can
    be picked again. pick_2, picks_2: likewise, of the second fan of a duet. dancer_rule, dancer_mark: whom to
    follow while nobody is picked, and the mark (x, y), 0 to 1, of "centre"
    (`engines.pose.tracking.choosing`). recording: the programme is recorded. restarts: rises with each order
    to restart the performer. layers: name → whether it is shown, of the layers that can be switched, in the
    show file's order. fan_name: what {fan} stands for in their texts; "" for nobody. measuring: a marker is
    on the programme, and the camera is searched for it. chart: a chart of colours is on the programme, for a
    camera that looks at the board. flashes: rises with each order of a white flash. beat: the programme's
    delay is made longer, so that the player is a whole number of beats behind the fan.
    bpm: the music's tempo, beats a minute; 0 while it is not known. taps: when somebody tapped along of late,
    monotonic nanoseconds of the operator's machine.
    """

    armed: bool = False
    taken: bool = False
    frozen: bool = False
    slate: bool = False
    mirror: bool = False
    skeleton: bool = False
    locked: bool = False
    redos: int = 0
    quit: bool = False
    fade_s: Seconds = FADE_S
    transition_s: Seconds = 0.0
    delay_s: Seconds = 0.0
    dumps: int = 0
    camera: int = 0
    camera_preview: bool = False
    player: str = ""
    background: str = ""
    pick: Annotated[tuple[Share, ...], Field(max_length=4)] = ()
    picks: int = 0
    pick_2: Annotated[tuple[Share, ...], Field(max_length=4)] = ()
    picks_2: int = 0
    dancer_rule: Rule = "largest"
    dancer_mark: tuple[Share, Share] = (0.5, 0.5)
    layers: dict[str, bool] = field(default_factory=dict)
    fan_name: Annotated[str, Field(max_length=LONGEST_NAME)] = ""
    recording: bool = False
    restarts: int = 0
    measuring: bool = False
    flashes: int = 0
    chart: bool = False
    beat: bool = False
    bpm: Annotated[float, Field(ge=0, le=MOST_BPM)] = 0.0
    taps: Annotated[tuple[int, ...], Field(max_length=MOST_TAPS)] = ()

    @classmethod
    def at_start(cls, show: Show) -> Orders:
        """The orders at the start of a show."""
        return cls(
            taken=show.start == "live",
            mirror=show.mirror,
            background=show.background,
            layers={layer.name: layer.on for layer in show.all_layers if not layer.locked},
            dancer_rule=show.dancer_rule,
            dancer_mark=show.mark,
        )

    def pack(self) -> bytes:
        return messages.pack(self)

    @classmethod
    def unpack(cls, data: bytes) -> Orders:
        """Raises MessageError, OtherVersion."""
        return messages.unpack(cls, data)
