"""docs/alarms.md: all that a show tells its operator, from the tables of `realtime.control.alarms`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from realtime.control.alarms import ALARMS, CALM, NOTES, STATES
from realtime.control.hints import with_keys

HEAD = """\
# What each alarm means, and what to press

Drawn by `python -m tools.card --alarms docs/alarms.md` from the tables of `realtime/control/alarms.py`. The
console shows the same beside the state and in its log, with the keys of the show. The
[operator's card](card.pdf) has what may happen at any show. Findings of `tools.doctor` say themselves what
to do.

## States

| state | colour | on the board | what to do |
|---|---|---|---|
"""

WRONG = """
## What is wrong

*beside*: beside the state, top left. *log*: in the console's log, in the terminal and in the show log, often
after the name of a process. `…` stands for a name, a number or a reason. Of two rows that a text fits, the
upper one is meant.

| alarm | seen | what it means | what to press |
|---|---|---|---|
"""

WELL = """
## What is said where nothing is wrong

| text | what it means |
|---|---|
"""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def alarms_page(keys: Mapping[str, str]) -> str:
    """keys: action → key, "" where it has none."""

    def rows(cells: Iterable[tuple[str, ...]]) -> str:
        return "".join(f"| {' | '.join(_cell(with_keys(cell, keys)) for cell in row)} |\n" for row in cells)

    states = rows((f"**{row.name}**", row.colour, row.means, row.do) for row in STATES.values())
    alarms = rows(
        (
            row.name,
            "; ".join(
                [
                    *(f"beside: `{text}`" for text in row.beside),
                    *(f"log: `{text}`" for text in row.said),
                    *([row.seen] if row.seen else []),
                ]
            ),
            row.means,
            row.press,
        )
        for row in ALARMS
    )
    calm = rows((f"`{text}`", means) for text, means in (*CALM.items(), *NOTES.items()))
    return f"{HEAD}{states}{WRONG}{alarms}{WELL}{calm}"
