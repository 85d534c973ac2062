import re
from dataclasses import replace

import pytest

from realtime.control.action import Risk, Unconfirmed
from realtime.control.actions import ACTIONS
from realtime.control.arguments import ArgumentError, check_in_order, check_named
from realtime.control.keys import CONFIRM_KEY, NAMED_KEYS, Interrupts, KeyConflict, Keymap, Unanswered
from realtime.transport.orders import Orders

LIVE = Orders(taken=True)


def after(*names: str, start: Orders = LIVE, confirmed: bool = False, **given: object) -> Orders:
    """The orders after some actions; `given` are the arguments of each of them."""
    for name in names:
        action = ACTIONS[name]
        start = action.order(start, check_named(action.forms, given), confirmed=confirmed)
    return start


def test_no_two_actions_share_a_key_and_every_key_can_be_typed() -> None:
    keys = [action.key for action in ACTIONS.values() if action.key]
    assert len(set(keys)) == len(keys)
    for name, action in ACTIONS.items():
        assert action.name == name
        assert action.help
        assert f"{action.key}  {name}" in Keymap().help_text()
        if action.key:
            assert action.key in NAMED_KEYS.values() or (len(action.key) == 1 and not action.key.isupper())
            assert () in action.forms, "a key gives no arguments"


def test_keys() -> None:
    keys = Keymap()
    assert keys.action_for("t") == keys.action_for("T") == "take"
    assert keys.action_for(" ") == "slate"
    assert keys.action_for("z") is None


def test_keys_can_be_moved_and_taken_away() -> None:
    keys = Keymap({"take": "enter", "slate": "", "arm": " t".strip()})
    assert keys.action_for("\r") == keys.action_for("\n") == "take"
    assert keys.action_for(" ") is None
    assert keys.action_for("t") == "arm"
    assert "enter  take" in keys.help_text()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tkae": "x"}, "there is no action 'tkae'"),
        ({"take": "f"}, "take and freeze are both on key 'f'"),
        ({"take": "F5"}, "take: 'f5' is no key"),
        ({"take": " "}, "take: ' ' is no key"),
        ({"player": "z"}, "player: a key cannot give its arguments"),
        ({"take": "Y"}, "take: key 'y' is the one that confirms"),
    ],
)
def test_keys_that_cannot_be_are_refused_by_name(changes: dict[str, str], words: str) -> None:
    with pytest.raises(KeyConflict, match=re.escape(words)):
        Keymap(changes)


S = 1_000_000_000


def test_what_was_asked_for_is_confirmed_once_and_in_time() -> None:
    unanswered = Unanswered()
    unanswered.ask("terminal", "take", 0)
    assert unanswered.confirm("window", S) is None, "somebody else's"
    assert unanswered.confirm("terminal", S // 20) is None, "no person is so quick: a text was pasted"
    assert unanswered.confirm("terminal", S) == "take"
    assert unanswered.confirm("terminal", S) is None, "it is used up"
    unanswered.ask("terminal", "take", 0)
    assert unanswered.confirm("terminal", 6 * S) is None, "too late"
    unanswered.ask("terminal", "quit", 0)
    unanswered.forget("terminal")
    assert unanswered.confirm("terminal", S) is None


def test_a_held_ctrl_c_never_confirms_itself() -> None:
    interrupts = Interrupts()
    held = [0, *range(660_000_000, 10 * S, 33_000_000)]
    assert not any(interrupts.press(at_ns) for at_ns in held)
    assert interrupts.press(held[-1] + 2 * S)
    assert not interrupts.press(held[-1] + 30 * S), "too late: it is a first one"


def test_the_key_that_confirms_is_no_actions() -> None:
    assert all(action.key != CONFIRM_KEY for action in ACTIONS.values())
    assert f"{CONFIRM_KEY}  " in Keymap().help_text()


def test_take_needs_confirmation_or_arm_and_uses_it_up() -> None:
    off = Orders()
    for name, transition_s in (("take", off.fade_s), ("cut", 0)):
        with pytest.raises(Unconfirmed, match=f"{name} must be confirmed"):
            after(name, start=off)
        with pytest.raises(Unconfirmed):
            after("arm", "arm", name, start=off)
        assert after("arm", name, start=off) == Orders(taken=True, transition_s=transition_s)
        assert after(name, start=off, confirmed=True) == Orders(taken=True, transition_s=transition_s)


@pytest.mark.parametrize(("name", "given"), [("skeleton", {}), ("delay", {"seconds": 1}), ("beat", {})])
def test_what_is_risky_on_air_is_not_off_air(name: str, given: dict[str, object]) -> None:
    assert after(name, start=Orders(), **given) != Orders()
    with pytest.raises(Unconfirmed):
        after(name, **given)
    assert after(name, confirmed=True, **given) != LIVE


@pytest.mark.parametrize("name", ["slate", "dump", "fallback", "freeze"])
def test_the_way_to_safety_needs_no_confirmation(name: str) -> None:
    assert ACTIONS[name].risk is Risk.NONE
    assert after(name) != LIVE


def test_the_tempo_stays_until_enough_taps_agree_on_another() -> None:
    orders, tap = replace(LIVE, bpm=97.0), ACTIONS["tap"]
    found = []
    for n in range(5):
        orders = tap.order(orders, {"at_ns": n * S // 2})
        found.append(orders.bpm)
    assert found == [97, 97, 97, 120, 120]
    assert len(orders.taps) == 5
    assert Keymap({"tap": "enter"}).quick == {"\r", "\n"} and Keymap().quick == {"g", "G"}


def test_the_slate_stays_however_often_it_is_pressed_until_a_deliberate_step() -> None:
    assert after("slate", "slate", "freeze").slate
    assert not after("slate", "arm", "take").slate
    assert after("slate", "fallback") == Orders(transition_s=LIVE.fade_s)


def test_dump_cuts_to_the_fallback_and_counts() -> None:
    late = replace(LIVE, delay_s=2.0, transition_s=1.0)
    assert after("dump", "dump", start=late) == Orders(delay_s=2.0, dumps=2)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("freeze", "frozen"),
        ("mirror", "mirror"),
        ("skeleton", "skeleton"),
        ("camera-preview", "camera_preview"),
        ("record", "recording"),
        ("arm", "armed"),
        ("beat", "beat"),
    ],
)
def test_toggles_turn_over_and_can_be_set(name: str, field: str) -> None:
    off = Orders()
    assert getattr(after(name, start=off), field) is True
    assert after(name, name, start=off) == off
    assert after(name, start=off, on=False) == off
    assert getattr(after(name, name, start=off, on=1), field) is True


LAYERS = Orders(layers={"logo": False, "name": True})


def test_a_layer_is_switched_by_name_and_the_first_ones_by_key_too() -> None:
    on = after("layer", start=LAYERS, name="logo")
    assert on.layers == {"logo": True, "name": True}
    assert LAYERS.layers == {"logo": False, "name": True}, "orders are never changed in place"
    assert after("layer", start=on, name="logo", on=True) == on
    assert after("layer", start=on, name="logo", on=0) == after("layer-1", start=on) == LAYERS
    assert after("layer-2", start=LAYERS, on=False).layers == {"logo": False, "name": False}
    assert Keymap().action_for("1") == "layer-1"
    assert Orders.unpack(on.pack()) == on


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("layer", {"name": "ai-mark"}, "layer 'ai-mark' cannot be switched: the show file locks it on"),
        ("layer", {"name": "ai-mark", "on": False}, "cannot be switched"),
        ("layer-3", {}, "the show has 2 layers that can be switched"),
        ("fan-name", {"name": "x" * 61}, "name must be a line of 60 letters at most"),
        ("fan-name", {"name": "a\x07b"}, "name must be a line of 60 letters at most"),
    ],
)
def test_layers_and_names_that_cannot_be_are_refused(name: str, given: dict[str, object], words: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(words)):
        after(name, start=LAYERS, **given)


def test_the_fan_gets_a_name_and_loses_it() -> None:
    named = after("fan-name", name="  Zoë \n Müller ")
    assert named.fan_name == "Zoë Müller"
    assert after("fan-name", start=named) == LIVE


def test_a_pick_is_a_point_or_a_box_and_counts() -> None:
    point = after("pick", x=0.25, y=1)
    assert (point.pick, point.picks) == ((0.25, 1.0), 1)
    box = after("pick", start=point, x0=0.1, y0=0.2, x1=0.3, y1=0.4)
    assert (box.pick, box.picks) == ((0.1, 0.2, 0.3, 0.4), 2)
    assert Orders.unpack(box.pack()) == box
    assert after("unpick", start=box) == replace(LIVE, picks=3)
    both = after("pick-2", start=point, x0=0.1, y0=0.2, x1=0.3, y1=0.4)
    assert both == replace(point, pick_2=(0.1, 0.2, 0.3, 0.4), picks_2=1), "each has a pick of its own"
    assert after("unpick-2", start=both) == replace(point, picks_2=2)
    with pytest.raises(ArgumentError, match="left top"):
        after("pick", x0=0.3, y0=0.2, x1=0.3, y1=0.4)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("fade-length", {"seconds": 5.1}, "seconds must be 0 to 5 s (given: 5.1)"),
        ("fade-length", {"seconds": True}, "seconds must be a number"),
        ("fade-length", {"seconds": float("nan")}, "seconds must be a number"),
        ("fade-length", {}, "give seconds (given: nothing)"),
        ("take", {"seconds": 1}, "give nothing (given: seconds)"),
        ("pick", {"x": 0.1}, "give x, y, or x0, y0, x1, y1 (given: x)"),
        ("pick", {"x": -0.1, "y": 0}, "x must be 0 to 1 (given: -0.1)"),
        ("freeze", {"on": 2}, "on must be true or false (given: 2)"),
        ("player", {"name": " "}, "name must be a text"),
    ],
)
def test_arguments_out_of_bounds_are_refused_by_name(name: str, given: dict[str, object], words: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(words)):
        check_named(ACTIONS[name].forms, given)


def test_arguments_in_order() -> None:
    assert check_in_order(ACTIONS["pick"].forms, [0.1, 0.2]) == {"x": 0.1, "y": 0.2}
    assert check_in_order(ACTIONS["freeze"].forms, []) == {}
    with pytest.raises(ArgumentError, match="given: 3 arguments"):
        check_in_order(ACTIONS["pick"].forms, [0.1, 0.2, 0.3])


def test_help_orders_nothing() -> None:
    assert after("help") == LIVE


@pytest.mark.parametrize("name", ["quit", "restart"])
@pytest.mark.parametrize(
    "state", [Orders(), LIVE, Orders(armed=True), Orders(armed=True, taken=True), Orders(slate=True)], ids=str
)
def test_what_takes_the_show_or_its_player_away_is_confirmed_in_every_state(name: str, state: Orders) -> None:
    assert ACTIONS[name].risk is Risk.ALWAYS
    with pytest.raises(Unconfirmed, match=f"^{name} must be confirmed$"):
        after(name, start=state)
    done = after(name, start=state, confirmed=True)
    assert (done.quit, done.restarts) == ((True, 0) if name == "quit" else (False, 1))


def test_the_camera_goes_on_to_the_next_or_to_a_place_and_gives_the_picked_fan_up() -> None:
    start = Orders(pick=(0.5, 0.5), picks=3, pick_2=(0.2, 0.5), picks_2=1)
    once = after("camera", start=start)
    assert (once.camera, once.pick, once.picks) == (1, (), 4)
    assert (once.pick_2, once.picks_2) == ((), 2)
    assert after("camera", "camera", start=start).camera == 2, "the performer goes round"
    assert after("camera", start=start, place=1).camera == 0
    assert after("camera", start=start, place=2.0).camera == 1
    with pytest.raises(Unconfirmed):
        after("camera")
    for place in (0, 9, 1.5, "b"):
        with pytest.raises(ArgumentError, match="place must be"):
            after("camera", start=start, place=place)
