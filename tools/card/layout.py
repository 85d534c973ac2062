"""Lays the card out on one page: as large as all of it fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise

from realtime.control.alarms import StateMeaning
from tools.card.content import Card, Row
from tools.card.page import GREY, INK, LEADING, PAPER, Page, width_of, wrapped

MARGIN, GAP = 22.0, 12.0
LARGEST, SMALLEST, STEP = 11.0, 5.0, 0.1
"""Sizes of the letters that are tried, in points."""

SMALL = 0.85
"""What explains, beside what names."""

BLOCKS, COLUMNS = 4, 4
FILLS = {
    "red": ("#b3121f", PAPER),
    "amber": ("#ffd24d", INK),
    "blue": ("#bfe0ff", INK),
    "white": (PAPER, INK),
}
"""The console's colours, chosen so that black and white print tells them apart: paper and ink."""


class DoesNotFitError(ValueError):
    """What is to be on the card is too much for one page."""


def lay_out(card: Card, size_pt: tuple[float, float]) -> Page:
    """Raises DoesNotFitError."""
    size = LARGEST
    while size >= SMALLEST:
        spare = size_pt[1] - MARGIN - _drawn(Page(size_pt), card, size, GAP)
        if spare >= 0:
            page = Page(size_pt)
            _drawn(page, card, size, GAP + spare / BLOCKS)
            return page
        size -= STEP
    raise DoesNotFitError("the card does not fit on one page: shorten the names of the show's layers")


def _drawn(page: Page, card: Card, size: float, gap: float) -> float:
    """Draws it all; returns where it ends. gap: between its blocks."""
    y = _head(page, card, size)
    y = _states(page, card.states, size, y + gap)
    y = _groups(page, card.groups, size, y + gap)
    y = _alarms(page, card.alarms, size, y + gap) + gap
    for note in card.notes:
        y = page.paragraph((MARGIN, y), page.width - 2 * MARGIN, note, SMALL * size, ink=GREY)
    return y - SMALL * size


def _head(page: Page, card: Card, size: float) -> float:
    """The title, and the panic key beside it."""
    high = 5.2 * size
    page.text(MARGIN, MARGIN + 2.1 * size, "Dancecam", 2.4 * size, weight="bold")
    title = f"operator's card · {card.title}" if card.title else "operator's card"
    page.text(MARGIN, MARGIN + 4.0 * size, title, 1.1 * size)
    left = MARGIN + 0.38 * (page.width - 2 * MARGIN)
    page.box((left, MARGIN), page.width - MARGIN - left, high, fill=INK)
    key = card.panic.key.upper() or "SLATE"
    cap = width_of(key, 2.6 * size, "bold") + 2.4 * size
    page.box((left + 0.7 * size, MARGIN + 0.7 * size), cap, high - 1.4 * size, radius=6)
    page.centred(left + 0.7 * size + cap / 2, MARGIN + 3.55 * size, key, 2.6 * size, weight="bold")
    left += cap + 2.0 * size
    panic = f"PANIC: {card.panic.name.upper()}"
    page.text(left, MARGIN + 2.4 * size, panic, 1.9 * size, weight="bold", ink=PAPER)
    page.text(left, MARGIN + 4.0 * size, card.panic.help.removeprefix("panic: "), 1.05 * size, ink=PAPER)
    return MARGIN + high


def _states(page: Page, states: Sequence[StateMeaning], size: float, y: float) -> float:
    wide = (page.width - 2 * MARGIN - (len(states) - 1) * GAP / 2) / len(states)
    inner, letters = wide - 1.4 * size, 0.9 * size
    lines = [
        len(wrapped(state.means, inner, letters)) + len(wrapped(state.do, inner, letters, "bold"))
        for state in states
    ]
    high = 2.6 * size + LEADING * letters * max(lines)
    for n, state in enumerate(states):
        x = MARGIN + n * (wide + GAP / 2)
        fill, ink = FILLS[state.colour]
        page.box((x, y), wide, high, line=1.2)
        page.box((x, y), wide, 2.0 * size, fill=fill, line=1.2)
        x += 0.7 * size
        end = page.text(x, y + 1.45 * size, state.name, 1.3 * size, weight="bold", ink=ink)
        page.text(end + 0.6 * size, y + 1.45 * size, state.colour, 0.8 * size, ink=ink)
        below = page.paragraph((x, y + 3.1 * size), inner, state.means, letters)
        page.paragraph((x, below), inner, state.do, letters, weight="bold")
    return y + high


def _groups(page: Page, groups: Mapping[str, Sequence[Row]], size: float, y: float) -> float:
    """Groups of keys in columns, in their order; the highest column as low as can be."""
    wide = (page.width - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS
    names = list(groups)
    heights = [_group_height(groups[name], wide, size) for name in names]

    def highest(cuts: tuple[int, ...]) -> float:
        return max(sum(heights[a:b]) for a, b in pairwise((0, *cuts, len(names))))

    best = min(combinations(range(1, len(names)), COLUMNS - 1), key=highest)
    for column, (first, end) in enumerate(pairwise((0, *best, len(names)))):
        top = y
        for name, high in zip(names[first:end], heights[first:end], strict=True):
            _group(page, name, groups[name], size, (MARGIN + column * (wide + GAP), top, wide))
            top += high
    return y + highest(best)


def _cap_width(size: float) -> float:
    return 2.6 * size


def _help_lines(row: Row, wide: float, size: float) -> tuple[bool, list[str]]:
    """The lines of an action's help; and whether it is a single one that has room beside the name."""
    inner = wide - _cap_width(size) - 0.6 * size
    beside = width_of(row.name, size, "bold") + width_of(row.help, SMALL * size) + 0.5 * size
    if not row.held and beside <= inner:
        return True, [row.help]
    return False, wrapped(row.help, inner, SMALL * size)


def _row_height(row: Row, wide: float, size: float) -> float:
    beside, lines = _help_lines(row, wide, size)
    text = 1.3 if beside else 1.35 + SMALL * LEADING * len(lines)
    return max(text + 0.3, 2.15 if row.key else 0.0) * size


def _group_height(rows: Sequence[Row], wide: float, size: float) -> float:
    return 2.5 * size + sum(_row_height(row, wide, size) for row in rows)


def _group(page: Page, title: str, rows: Sequence[Row], size: float, at: tuple[float, float, float]) -> None:
    """at: left, top, width."""
    x, y, wide = at
    page.text(x, y + 1.1 * size, title.upper(), 0.95 * size, weight="bold")
    page.rule((x, y + 1.5 * size), wide)
    y += 2.0 * size
    cap = _cap_width(size)
    for row in rows:
        _key_cap(page, row.key, x, y, size)
        left = x + cap + 0.6 * size
        beside, lines = _help_lines(row, wide, size)
        base = y + (1.25 if beside and row.key else 1.0) * size
        end = page.text(left, base, row.name, size, weight="bold")
        if row.held:
            page.text(end + 0.5 * size, base, row.held, 0.75 * size, ink=GREY)
        if beside:
            page.text(end + 0.5 * size, base, row.help, SMALL * size)
        else:
            for n, line in enumerate(lines):
                page.text(left, base + (1.1 + n * SMALL * LEADING) * size, line, SMALL * size)
        y += _row_height(row, wide, size)


def _key_cap(page: Page, key: str, x: float, y: float, size: float) -> None:
    """A key as a box. An action without one is done in the console."""
    cap = _cap_width(size)
    if not key:
        page.centred(x + cap / 2, y + size, "–", size, ink=GREY)
        return
    key = key.upper() if len(key) == 1 else key
    letters = min(1.2 * size, 0.85 * cap / width_of(key, 1.0, "bold"))
    page.box((x, y), cap, 1.8 * size, line=1.2)
    page.centred(x + cap / 2, y + 0.9 * size + 0.36 * letters, key, letters, weight="bold")


def _alarms(page: Page, alarms: Sequence[tuple[str, str]], size: float, y: float) -> float:
    """What is wrong, and what to press: in two columns, the highest as low as can be."""
    page.text(MARGIN, y + 1.1 * size, "WHAT IS WRONG, AND WHAT TO PRESS", 0.95 * size, weight="bold")
    page.rule((MARGIN, y + 1.5 * size), page.width - 2 * MARGIN)
    wide = (page.width - 2 * MARGIN - GAP) / 2
    letters, names = 0.9 * size, 0.34 * wide
    lines = [
        max(len(wrapped(name, names - size, letters, "bold")), len(wrapped(press, wide - names, letters)))
        for name, press in alarms
    ]
    heights = [LEADING * letters * n + 0.2 * size for n in lines]
    cut = min(range(len(alarms) + 1), key=lambda n: max(sum(heights[:n]), sum(heights[n:])))
    top = y + 2.0 * size
    for x, part in ((MARGIN, slice(0, cut)), (MARGIN + wide + GAP, slice(cut, None))):
        base = top + letters
        for (name, press), high in zip(alarms[part], heights[part], strict=True):
            page.paragraph((x, base), names - size, name, letters, weight="bold")
            page.paragraph((x + names, base), wide - names, press, letters)
            base += high
    return top + max(sum(heights[:cut]), sum(heights[cut:]))
