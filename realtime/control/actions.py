"""TABLE of what an operator can do: action, key, help, arguments. All else is drawn from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from realtime.config.show import MOST_CAMERAS
from realtime.control.action import Action, Risk
from realtime.control.arguments import Argument, ArgumentError, Arguments, Form
from realtime.control.taps import bpm_of, tapped
from realtime.transport.orders import LEAST_BPM, LONGEST_NAME, MOST_BPM, MOST_SECONDS, Orders
from realtime.transport.texts import shown

LAYER_KEYS = 4
"""So many of the layers that can be switched, the first ones, have an action and a key of their own."""


def _on_air(transition_s: Callable[[Orders], float]) -> Callable[[Orders, Arguments], Orders]:
    """The live player goes on air."""
    return lambda orders, _: replace(
        orders, taken=True, frozen=False, slate=False, transition_s=transition_s(orders)
    )


def _off_air(orders: Orders, _: Arguments) -> Orders:
    return replace(orders, taken=False, frozen=False, slate=False, transition_s=orders.fade_s)


def _dump(orders: Orders, _: Arguments) -> Orders:
    off = replace(orders, taken=False, frozen=False, slate=False)
    return replace(off, transition_s=0.0, dumps=orders.dumps + 1)


def _toggle(field: str) -> Callable[[Orders, Arguments], Orders]:
    """Turns a field over, or sets it as the argument `on` says."""

    def apply(orders: Orders, given: Arguments) -> Orders:
        changes: dict[str, Any] = {field: bool(given.get("on", not getattr(orders, field)))}
        return replace(orders, **changes)

    return apply


def _set(field: str, argument: str) -> Callable[[Orders, Arguments], Orders]:
    """Sets a field to the argument."""

    def apply(orders: Orders, given: Arguments) -> Orders:
        changes: dict[str, Any] = {field: given[argument]}
        return replace(orders, **changes)

    return apply


def _camera(orders: Orders, given: Arguments) -> Orders:
    """The next camera, or the one at a place. Whom the operator picked was in the other one's picture."""
    place = int(given.get("place", orders.camera + 2))
    return _unpick_2(_unpick(replace(orders, camera=place - 1)))


def _place(given: Arguments) -> tuple[float, ...]:
    """A point or a box in the camera's picture. Raises ArgumentError."""
    place = tuple(float(value) for value in given.values())
    if len(place) == 4 and not (place[0] < place[2] and place[1] < place[3]):
        raise ArgumentError(
            f"a box goes from its left top (x0, y0) to its right bottom (x1, y1) (given: {place})"
        )
    return place


def _unpick(orders: Orders) -> Orders:
    return replace(orders, pick=(), picks=orders.picks + 1)


def _unpick_2(orders: Orders) -> Orders:
    return replace(orders, pick_2=(), picks_2=orders.picks_2 + 1)


def _layer(orders: Orders, given: Arguments) -> Orders:
    """Turns a layer over, or sets it as the argument `on` says."""
    name = str(given["name"])
    if name not in orders.layers:
        raise ArgumentError(f"layer {shown(name)} cannot be switched: the show file locks it on")
    on = bool(given.get("on", not orders.layers[name]))
    return replace(orders, layers={**orders.layers, name: on})


def _nth_layer(n: int) -> Callable[[Orders, Arguments], Orders]:
    """Likewise the n-th, counted from 1, of those that can be switched."""

    def apply(orders: Orders, given: Arguments) -> Orders:
        if len(orders.layers) < n:
            raise ArgumentError(f"the show has {len(orders.layers)} layers that can be switched")
        return _layer(orders, {**given, "name": list(orders.layers)[n - 1]})

    return apply


def _tempo(orders: Orders, bpm: float, taps: tuple[int, ...] = ()) -> Orders:
    return replace(orders, bpm=round(bpm, 2), taps=taps)


def _tap(orders: Orders, given: Arguments) -> Orders:
    """The tempo stays as it was until enough taps agree on another."""
    taps = tapped(orders.taps, int(given["at_ns"]))
    return _tempo(orders, bpm_of(taps) or orders.bpm, taps)


def _fan_name(orders: Orders, given: Arguments) -> Orders:
    name = " ".join(str(given.get("name", "")).split())
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise ArgumentError(f"name must be a line of {LONGEST_NAME} letters at most (given: {shown(name)})")
    return replace(orders, fan_name=name)


_ON: Form = (Argument("on", "flag", "true to set it, false to end it; without it the state is turned over"),)
_TOGGLE: tuple[Form, ...] = ((), _ON)
_NAMED_LAYER = Argument("name", "name", "one of the show's layers")
_POINT: Form = (
    Argument("x", "number", "from the left edge of the camera's picture"),
    Argument("y", "number", "from its top edge"),
)
_BOX: Form = (
    Argument("x0", "number", "left edge of the box, from the left of the camera's picture"),
    Argument("y0", "number", "its top edge"),
    Argument("x1", "number", "its right edge"),
    Argument("y1", "number", "its bottom edge"),
)


def _seconds(help_text: str) -> tuple[Form, ...]:
    return ((Argument("seconds", "number", help_text, 0.0, MOST_SECONDS, "s"),),)


ACTIONS: Mapping[str, Action] = {
    action.name: action
    for action in (
        Action(
            "arm",
            "a",
            "let the next risky action go without confirmation; again to disarm",
            _toggle("armed"),
            forms=_TOGGLE,
            lamp="armed",
        ),
        Action(
            "take",
            "t",
            "fade to the live player",
            _on_air(lambda orders: orders.fade_s),
            Risk.ALWAYS,
            lamp="taken",
        ),
        Action("cut", "c", "put the live player on air without a fade", _on_air(lambda _: 0.0), Risk.ALWAYS),
        Action(
            "freeze",
            "f",
            "freeze what is on air; again to go on",
            _toggle("frozen"),
            forms=_TOGGLE,
            lamp="frozen",
        ),
        Action("fallback", "b", "fade to the fallback, until the next TAKE", _off_air),
        Action(
            "slate",
            "space",
            "panic: the slate, at once, until the next TAKE, CUT, FALLBACK or DUMP",
            lambda orders, _: replace(orders, slate=True, transition_s=0.0),
            lamp="slate",
        ),
        Action("dump", "d", "cut to the fallback and throw the delayed seconds away", _dump),
        Action("mirror", "m", "mirror the fan's moves", _toggle("mirror"), forms=_TOGGLE, lamp="mirror"),
        Action(
            "skeleton",
            "k",
            "draw the stick figure over the player",
            _toggle("skeleton"),
            Risk.ON_AIR,
            _TOGGLE,
            lamp="skeleton",
        ),
        Action(
            "redo",
            "n",
            "forget the fan's proportions and place, and learn them anew",
            lambda orders, _: replace(orders, redos=orders.redos + 1),
        ),
        Action(
            "lock",
            "l",
            "keep what was learned of the fan as it is; again to learn on",
            _toggle("locked"),
            forms=_TOGGLE,
            lamp="locked",
        ),
        Action(
            "camera-preview",
            "v",
            "preview the camera with landmarks instead of the player",
            _toggle("camera_preview"),
            forms=_TOGGLE,
            lamp="camera_preview",
        ),
        Action(
            "fade-length",
            "",
            "how long TAKE and FALLBACK fade",
            _set("fade_s", "seconds"),
            forms=_seconds("0 cuts"),
        ),
        Action(
            "delay",
            "",
            "how far the programme runs behind, for DUMP",
            _set("delay_s", "seconds"),
            Risk.ON_AIR,
            _seconds("0 is live"),
        ),
        Action(
            "beat",
            "o",
            "on the beat: the player is whole beats behind the fan; again to end it",
            _toggle("beat"),
            Risk.ON_AIR,
            _TOGGLE,
            lamp="beat",
        ),
        Action(
            "tap",
            "g",
            "tap along with the music: its tempo after four times; a pause of 2 s begins anew",
            _tap,
            timed=True,
        ),
        Action(
            "tempo",
            "",
            "the music's tempo",
            lambda orders, given: _tempo(orders, float(given["bpm"])),
            forms=((Argument("bpm", "number", "beats a minute", LEAST_BPM, MOST_BPM, "bpm"),),),
        ),
        Action(
            "player",
            "",
            "let another player dance",
            _set("player", "name"),
            Risk.ON_AIR,
            ((Argument("name", "name", "one of the show's players"),),),
        ),
        Action(
            "camera",
            "w",
            "switch to the next camera, or to one by its place in the show file",
            _camera,
            Risk.ON_AIR,
            ((), (Argument("place", "number", "1 is the first one", 1, MOST_CAMERAS, whole=True),)),
        ),
        Action(
            "pick",
            "",
            "follow the fan at a place in the camera's picture",
            lambda orders, given: replace(_unpick(orders), pick=_place(given)),
            forms=(_POINT, _BOX),
        ),
        Action(
            "unpick",
            "u",
            "follow whom the dancer rule says",
            lambda orders, _: _unpick(orders),
        ),
        Action(
            "pick-2",
            "",
            "pick a duet's second fan",
            lambda orders, given: replace(_unpick_2(orders), pick_2=_place(given)),
            forms=(_POINT, _BOX),
        ),
        Action(
            "unpick-2",
            "",
            "unpick a duet's second fan",
            lambda orders, _: _unpick_2(orders),
        ),
        Action(
            "dancer-rule",
            "",
            "who dances while nobody is picked",
            _set("dancer_rule", "name"),
            forms=((Argument("name", "name", "largest, centre or liveliest"),),),
        ),
        Action(
            "dancer-mark",
            "",
            "where the fan nearest to the mark dances, by the rule centre",
            lambda orders, given: replace(orders, dancer_mark=(float(given["x"]), float(given["y"]))),
            forms=(_POINT,),
        ),
        Action(
            "background",
            "",
            "what is behind the player",
            _set("background", "name"),
            Risk.ON_AIR,
            ((Argument("name", "name", "one of the show's backgrounds"),),),
        ),
        Action(
            "layer",
            "",
            "show a layer over the programme; again to take it off",
            _layer,
            forms=((_NAMED_LAYER,), (_NAMED_LAYER, *_ON)),
        ),
        *(
            Action(
                f"layer-{n}",
                str(n),
                f"show layer {n} over the programme; again to take it off",
                _nth_layer(n),
                forms=_TOGGLE,
            )
            for n in range(1, LAYER_KEYS + 1)
        ),
        Action(
            "fan-name",
            "",
            "what the layers call the fan; without a name nothing",
            _fan_name,
            forms=((Argument("name", "name", "the fan's name"),), ()),
        ),
        Action(
            "measure",
            "",
            "show a marker, and measure how late the camera sees it; again to end",
            _toggle("measuring"),
            Risk.ON_AIR,
            _TOGGLE,
            lamp="measuring",
        ),
        Action(
            "flash",
            "",
            "show white for a tenth of a second, for a light meter at the board",
            lambda orders, _: replace(orders, flashes=orders.flashes + 1),
            Risk.ON_AIR,
        ),
        Action(
            "chart",
            "",
            "show a chart of colours; again to end",
            _toggle("chart"),
            Risk.ON_AIR,
            _TOGGLE,
            lamp="chart",
        ),
        Action(
            "record",
            "r",
            "record the programme; again to stop",
            _toggle("recording"),
            forms=_TOGGLE,
            lamp="recording",
        ),
        Action(
            "restart",
            "p",
            "start the performer again; the fallback is on air meanwhile",
            lambda orders, _: replace(orders, restarts=orders.restarts + 1),
            Risk.ALWAYS,
            can_be_armed=False,
        ),
        Action(
            "quit",
            "q",
            "end the show",
            lambda orders, _: replace(orders, quit=True),
            Risk.ALWAYS,
            can_be_armed=False,
        ),
        Action("help", "h", "show these keys", lambda orders, _: orders),
    )
}
