import io
import os
import pty
import termios
import time
from dataclasses import replace

import pytest

from realtime.control.actions import ACTIONS, Orders, help_text
from realtime.control.hotkeys import NAMED_KEYS, Hotkeys, action_for


def after(*names: str, start: Orders = Orders()) -> Orders:  # noqa: B008  # frozen
    for name in names:
        start = ACTIONS[name].apply(start)
    return start


def test_no_two_actions_share_a_key_and_every_key_can_be_typed() -> None:
    keys = [action.key for action in ACTIONS.values()]
    assert len(set(keys)) == len(keys)
    for name, action in ACTIONS.items():
        assert action.name == name
        assert action.help
        assert action.key in NAMED_KEYS.values() or (len(action.key) == 1 and action.key.islower())
        assert f"{action.key}  {name}" in help_text()
    assert set(ACTIONS) == {
        "arm",
        "take",
        "freeze",
        "fallback",
        "slate",
        "mirror",
        "skeleton",
        "quit",
        "help",
    }


def test_keys() -> None:
    assert action_for("t") == action_for("T") == "take"
    assert action_for(" ") == "slate"
    assert action_for("z") is None


def test_take_needs_arm_and_uses_it_up() -> None:
    assert not after("take").taken
    assert not after("arm", "arm", "take").taken
    assert after("arm", "take") == Orders(taken=True)


def test_the_slate_stays_however_often_it_is_pressed_until_a_deliberate_step() -> None:
    live = Orders(taken=True)
    assert after("slate", "slate", "freeze", "take", start=live).slate
    assert not after("slate", "arm", "take", start=live).slate
    assert after("slate", "fallback", start=live) == Orders()


def test_freeze_mirror_and_skeleton_toggle() -> None:
    for name, field in (("freeze", "frozen"), ("mirror", "mirror"), ("skeleton", "skeleton")):
        assert getattr(after(name), field)
        assert after(name, name) == Orders()


def test_help_orders_nothing_and_quit_ends() -> None:
    live = Orders(taken=True)
    assert after("help", start=live) == live
    assert after("quit", start=live) == replace(live, quit=True)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> int:
    master, slave = pty.openpty()
    monkeypatch.setattr("sys.stdin", os.fdopen(slave))
    return master


def wait_for(heard: list[str], n: int) -> None:
    deadline = time.monotonic() + 5
    while len(heard) < n:
        assert time.monotonic() < deadline, heard
        time.sleep(0.01)


def test_the_terminal_is_heard_and_given_back(terminal: int) -> None:
    before = termios.tcgetattr(terminal)
    heard: list[str] = []
    out = io.StringIO()
    with pytest.raises(ZeroDivisionError), Hotkeys(heard.append, out) as keys:
        assert not termios.tcgetattr(terminal)[3] & termios.ICANON
        assert termios.tcgetattr(terminal)[3] & termios.ISIG  # Ctrl-C works as ever
        os.write(terminal, b"\x1b[A")  # an arrow is no key of ours
        time.sleep(0.05)
        os.write(terminal, b"aT z")
        wait_for(heard, 3)
        keys.status("LIVE")
        keys.say("a line")
        _ = 1 / 0
    assert heard == ["arm", "take", "slate"]
    assert termios.tcgetattr(terminal) == before
    assert out.getvalue().endswith("LIVE\r\x1b[Ka line\nLIVE\r\x1b[K")
