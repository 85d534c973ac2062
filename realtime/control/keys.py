"""Which key does what: the table's own keys, as a show file changes them, and what a second press means."""

from __future__ import annotations

from collections.abc import Mapping

from realtime.control.actions import ACTIONS

NAMED_KEYS: Mapping[str, str] = {" ": "space", "\x1b": "escape", "\r": "enter", "\n": "enter"}
"""Characters that a terminal sends, and what a table or a show file calls their keys."""

TWICE_WITHIN_NS = 2_000_000_000
"""A risky key that is pressed twice within this is confirmed."""


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
            if () not in action.forms:
                raise KeyConflict(f"{name}: a key cannot give its arguments; use the console or the API")
            if key in self._action:
                raise KeyConflict(f"{self._action[key]} and {name} are both on key {key!r}; move one of them")
            self._action[key] = name

    def action_for(self, character: str) -> str | None:
        """The action behind a typed character, upper or lower case; None where there is none."""
        return self._action.get(NAMED_KEYS.get(character, character.lower()))

    def help_text(self) -> str:
        """The table with these keys, for people."""
        lines = (f"  {self.of[name]:>6}  {name:<14} {action.help}" for name, action in ACTIONS.items())
        return "\n".join(lines)


def _key_names() -> list[str]:
    return sorted(set(NAMED_KEYS.values()))


class SecondPress:
    """Tells a second press from a first one. Pure: time is an argument."""

    def __init__(self, within_ns: int = TWICE_WITHIN_NS) -> None:
        self._within_ns = within_ns
        self._last: tuple[str, str, int] | None = None

    def press(self, who: str, action: str, now_ns: int) -> bool:
        """True if the same person has asked for the same, and nothing else, a moment ago. Uses that up."""
        last, self._last = self._last, (who, action, now_ns)
        again = last is not None and last[:2] == (who, action) and now_ns - last[2] <= self._within_ns
        if again:
            self._last = None
        return again
