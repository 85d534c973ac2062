"""Maps of control surfaces: the show file's entries, checked, and what they ask for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from realtime.config.control import Control
from realtime.config.surfaces import Mapped, Midi, MidiControl, OscAddress
from realtime.control.action import Action
from realtime.control.actions import ACTIONS
from realtime.control.arguments import Argument, ArgumentError, Arguments, Value, forms_text
from realtime.transport.texts import shown

Choices = Mapping[str, Collection[str]]
"""Action → the names that the show has for its argument `name`; see `Desk`."""


class MapError(ValueError):
    """An entry of a map that cannot be done; the text names the entry and the reason."""


@dataclass(frozen=True)
class Asked:
    """An action that is asked for. given: its arguments, by name or in the table's order."""

    name: str
    given: Mapping[str, object] | tuple[object, ...] = ()
    confirmed: bool = False


@dataclass(frozen=True)
class Binding:
    """An entry of a map.

    fixed: the arguments that the show file gives. value: the one that the control gives. complete: whether
    nothing but the value is missing.
    """

    action: Action
    fixed: Arguments
    value: Argument | None
    confirm: bool
    complete: bool

    def press(self) -> Asked:
        """What a button asks for."""
        return Asked(self.action.name, dict(self.fixed), self.confirm)

    def at(self, value: Value) -> Asked:
        """What is asked for with this value. There must be an argument for it."""
        assert self.value is not None  # noqa: S101  # who calls has looked
        return Asked(self.action.name, {**self.fixed, self.value.name: value}, self.confirm)

    def scaled(self, share: float) -> float:
        """The number at a share, 0 to 1, of the value's range."""
        assert self.value is not None  # noqa: S101  # who calls has looked
        value = self.value.low + share * (self.value.high - self.value.low)
        return round(value) if self.value.whole else round(value, 3)


def bind(entry: Mapped, where: str, *, completed_later: bool = False) -> Binding:
    """An entry, checked against the table of actions. completed_later: a message may bring the arguments that
    follow those of the entry.

    Raises MapError. where: named in it.
    """
    action = ACTIONS.get(entry.action)
    if action is None:
        raise MapError(f"{where}: there is no action {shown(entry.action)}; there are: {', '.join(ACTIONS)}")
    where = f"{where}: {action.name}"
    by_value = () if entry.value is None else (entry.value,)
    if entry.value in entry.arguments:
        raise MapError(f"{where}: {entry.value} is among the arguments, and the value too")
    names = {*entry.arguments, *by_value}
    form = next((form for form in action.forms if {each.name for each in form} == names), None)
    complete = form is not None
    if form is None and completed_later and entry.value is None:
        form = next(
            (form for form in action.forms if {each.name for each in form[: len(names)]} == names), None
        )
    if form is None:
        given = ", ".join(shown(name).strip("'") for name in sorted(names)) or "nothing"
        raise MapError(f"{where}: give {forms_text(action.forms)} (given: {given})")
    known = {argument.name: argument for argument in form}
    try:
        fixed = {
            argument.name: argument.check(entry.arguments[argument.name])
            for argument in form
            if argument.name in entry.arguments
        }
    except ArgumentError as error:
        raise MapError(f"{where}: {error}") from error
    return Binding(
        action, fixed, None if entry.value is None else known[entry.value], entry.confirm, complete
    )


def check_maps(control: Control) -> None:
    """Whether the actions and arguments of all maps are right. Raises MapError."""
    for _ in _bindings(control):
        pass


def check_names(control: Control, choices: Choices, lacking: Mapping[str, str]) -> None:
    """Whether this show has what the maps name. lacking: see `Desk`. Raises MapError."""
    for where, binding in _bindings(control):
        name = binding.action.name
        if name in lacking:
            raise MapError(f"{where}: {name}: {lacking[name]}")
        known = choices.get(name)
        if known is None:
            continue
        if "name" in binding.fixed and binding.fixed["name"] not in known:
            there_are = ", ".join(known)
            raise MapError(
                f"{where}: there is no {name} {shown(binding.fixed['name'])}; there are: {there_are}"
            )
        if float(binding.fixed.get("place", 1)) > len(known):
            raise MapError(f"{where}: the show has {len(known)}: {', '.join(known)}")


def midi_bindings(midi: Midi) -> list[tuple[MidiControl, Binding]]:
    """The entries of `[[control.midi.map]]`, checked. Raises MapError."""
    found = []
    for control in midi.map:
        where = f"control.midi.map: {control.called}"
        binding = bind(control, where)
        if binding.value is not None and binding.value.kind == "name":
            raise MapError(f"{where}: {binding.action.name}: {binding.value.name} is a text, not a value")
        if binding.value is not None and binding.value.kind == "number" and control.cc is None:
            raise MapError(f"{where}: {binding.action.name}: a note is on or off; give a number by a cc")
        found.append((control, binding))
    return found


def osc_bindings(entries: Sequence[OscAddress]) -> dict[str, Binding]:
    """Address → what it does, of `[[control.osc_map]]`, checked. Raises MapError."""
    return {
        entry.address: bind(entry, f"control.osc_map: {entry.address}", completed_later=True)
        for entry in entries
    }


def _bindings(control: Control) -> Iterator[tuple[str, Binding]]:
    for address, binding in osc_bindings(control.osc_map).items():
        yield f"control.osc_map: {address}", binding
    if control.midi is not None:
        for entry, binding in midi_bindings(control.midi):
            yield f"control.midi.map: {entry.called}", binding
