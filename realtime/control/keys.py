"""Which key does what: the table's own, as a show file changes them; and how a risky one is confirmed."""

from __future__ import annotations

from collections.abc import Mapping

from engines.time_units import NS_PER_MS, NS_PER_S
from realtime.control.actions import ACTIONS

NAMED_KEYS: Mapping[str, str] = {" ": "space", "\x1b": "escape", "\r": "enter", "\n": "enter"}
"""Characters that a terminal sends, and what a table or a show file calls their keys."""

CONFIRM_KEY = "y"
"""Confirms the risky key that was pressed before it. It is another one, because a terminal cannot tell a
second press from a key that is held down."""

CONFIRM_FROM_NS, CONFIRM_WITHIN_NS = 100 * NS_PER_MS, 5 * NS_PER_S
"""When it confirms, after the risky key. Sooner it was not a person but a text that was pasted."""

INTERRUPT_FROM_NS, INTERRUPT_WITHIN_NS = NS_PER_S, 10 * NS_PER_S
"""When a second Ctrl-C confirms the first where no keys are heard; sooner it is a key that is held down."""


class KeyConflict(ValueError):
    """Keys that cannot be used; the text names the action and the key."""


class Keymap:
    """The keys of a show."""

    def __init__(self, changes: Mapping[str, str] | None = None) -> None:
        """changes: action → key, laid over the table's own; "" takes an action's key away.

        Raises KeyConflict for an action or a key that there is not, and for two actions on one key.
        """
        changes = changes or {}
        unknown = [name for name in changes if name not in ACTIONS]
        if unknown:
            raise KeyConflict(f"there is no action {unknown[0]!r}; there are: {', '.join(ACTIONS)}")
        self.of: dict[str, str] = {}
        self._action: dict[str, str] = {}
        for name, action in ACTIONS.items():
            key = changes.get(name, action.key).lower()
            self.of[name] = key
            if not key:
                continue
            if key not in NAMED_KEYS.values() and not (len(key) == 1 and key.isprintable() and key != " "):
                raise KeyConflict(
                    f"{name}: {key!r} is no key; give one character, or {', '.join(_key_names())}"
                )
            if key == CONFIRM_KEY:
                raise KeyConflict(f"{name}: key {key!r} is the one that confirms; choose another")
            if () not in action.forms:
                raise KeyConflict(f"{name}: a key cannot give its arguments; use the console or the API")
            if key in self._action:
                raise KeyConflict(f"{self._action[key]} and {name} are both on key {key!r}; move one of them")
            self._action[key] = name

    def action_for(self, character: str) -> str | None:
        """The action behind a typed character, upper or lower case; None where there is none."""
        return self._action.get(NAMED_KEYS.get(character, character.lower()))

    @property
    def quick(self) -> frozenset[str]:
        """The characters of the keys that are struck in time with something."""
        keys = {self.of[name] for name, action in ACTIONS.items() if action.timed}
        named = {character for character, name in NAMED_KEYS.items() if name in keys}
        return frozenset(named | {case for key in keys if len(key) == 1 for case in (key, key.upper())})

    def help_text(self) -> str:
        """The table with these keys, for people."""
        lines = [f"  {self.of[name]:>6}  {name:<14} {action.help}" for name, action in ACTIONS.items()]
        lines.append(f"  {CONFIRM_KEY:>6}  {'':<14} yes: confirms what was asked for before")
        return "\n".join(lines)


def _key_names() -> list[str]:
    return sorted(set(NAMED_KEYS.values()))


class Unanswered:
    """What each operator has asked for by a risky key and not confirmed yet. Pure: time is an argument."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[str, int]] = {}

    def ask(self, who: str, action: str, now_ns: int) -> None:
        self._asked[who] = (action, now_ns)

    def forget(self, who: str) -> None:
        """Another key was pressed."""
        self._asked.pop(who, None)

    def confirm(self, who: str, now_ns: int) -> str | None:
        """The action that is confirmed now, None where there is none. Uses it up."""
        action, asked_ns = self._asked.get(who, ("", 0))
        if not action or now_ns - asked_ns < CONFIRM_FROM_NS:
            return None
        self.forget(who)
        return action if now_ns - asked_ns <= CONFIRM_WITHIN_NS else None


class Interrupts:
    """Whether a Ctrl-C confirms the one before, where no keys are heard. Pure: time is an argument."""

    def __init__(self) -> None:
        self._last_ns: int | None = None

    def press(self, now_ns: int) -> bool:
        last_ns, self._last_ns = self._last_ns, now_ns
        return last_ns is not None and INTERRUPT_FROM_NS <= now_ns - last_ns <= INTERRUPT_WITHIN_NS
