"""The operator's card: all that is in the tables is on it, on one page, with the show's keys."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path

import pytest

from realtime.control.actions import ACTIONS
from realtime.control.alarms import ALARMS, STATES
from realtime.control.keys import Keymap
from tools.card import content
from tools.card.__main__ import main
from tools.card.content import GROUPS, PANIC, card_of
from tools.card.layout import DoesNotFitError, lay_out
from tools.card.page import SIZES_PT, Page

ROOT = Path(__file__).resolve().parents[3]
CARD, ALARMS_PAGE = ROOT / "docs" / "card.pdf", ROOT / "docs" / "alarms.md"
KEYS = {"slate": "escape", "take": "enter", "quit": "", "freeze": "ö"}


def card(keys: dict[str, str] | None = None, paper: str = "a4", layers: tuple[str, ...] = ()) -> Page:
    return lay_out(card_of(Keymap(keys).of, layers), SIZES_PT[paper])


def test_every_action_has_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    placed = [row.name for rows in card_of(Keymap().of).groups.values() for row in rows]
    assert sorted([*placed, PANIC]) == sorted(ACTIONS)
    monkeypatch.setattr(content, "GROUPS", {name: GROUPS[name] for name in list(GROUPS)[1:]})
    assert [row.name for row in card_of(Keymap().of).groups[content.MORE]] == [
        name for name in ACTIONS if name in GROUPS["On air"]
    ]


@pytest.mark.parametrize("paper", SIZES_PT)
@pytest.mark.parametrize("keys", [{}, KEYS], ids=["default", "of a show"])
def test_all_is_on_one_page_and_nothing_lies_over_another(paper: str, keys: dict[str, str]) -> None:
    page = card(keys, paper, ("the sponsor's logo", "who dances"))
    for one in page.texts:
        assert one.x >= 20 and one.right <= page.width - 20, one
        assert one.size < one.y <= page.height - 20, one
    assert min(each.size for each in page.texts) > 5.5
    for one, other in combinations(page.texts, 2):
        apart = one.right <= other.x or other.right <= one.x
        if not apart:
            assert abs(one.y - other.y) >= 0.7 * min(one.size, other.size), (one, other)


def test_actions_keys_states_and_alarms_are_on_it() -> None:
    texts = [each.text for each in card(KEYS).texts]
    of = Keymap(KEYS).of
    for name, action in ACTIONS.items():
        assert name in texts or name == PANIC, name
        key = of[name]
        assert not key or key in texts or key.upper() in texts, name
        if not name.startswith("layer-"):
            assert action.help.removeprefix("panic: ") in " ".join(texts)
    assert "PANIC: SLATE" in texts and "ESCAPE" in texts
    assert set(STATES) <= set(texts)
    whole = " ".join(texts)
    for row in ALARMS:
        assert (row.name in whole) == row.on_card, row.name
    assert "enter" in texts and "Ö" in texts
    assert "(enter)" in whole, "hints have the show's keys"


def test_too_much_for_one_page_is_said() -> None:
    with pytest.raises(DoesNotFitError, match="does not fit on one page"):
        lay_out(card_of(Keymap().of), (300.0, 200.0))


def test_the_card_in_docs_is_what_the_command_makes(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path / "card.pdf")]) == 0
    made = (tmp_path / "card.pdf").read_bytes()
    assert len(made) < 200_000
    digest = f"/Keywords ({card().digest})".encode()
    assert digest in made
    assert digest in CARD.read_bytes(), "python -m tools.card --out docs/card.pdf"
    assert b"/CreationDate" not in made
    for pdf in (made, CARD.read_bytes()):
        assert len(re.findall(rb"/Type /Page\b", pdf)) == 1


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext (apt install poppler-utils)")
def test_the_card_in_docs_can_be_read() -> None:
    text = subprocess.run(["pdftotext", str(CARD), "-"], capture_output=True, check=True, text=True).stdout
    for name in ACTIONS:
        assert name in text or name == PANIC
    assert "PANIC: SLATE" in text
    assert all(row.name.split()[-1] in text for row in ALARMS if row.on_card)


def test_the_page_of_alarms_is_what_the_command_makes(tmp_path: Path) -> None:
    made = tmp_path / "alarms.md"
    assert main(["--alarms", str(made)]) == 0
    assert made.read_text(encoding="utf-8") == ALARMS_PAGE.read_text(encoding="utf-8"), (
        "python -m tools.card --alarms docs/alarms.md"
    )
    assert all(row.name in made.read_text(encoding="utf-8") for row in ALARMS)


@pytest.mark.parametrize(
    ("show", "said"),
    [
        (None, "no such file"),
        ('[keys]\ntake = "f"\n', "take and freeze are both on key 'f'"),
        ("nonsense = 1\n", "nonsense"),
    ],
)
def test_what_cannot_be_made_is_one_line(
    show: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "show.toml"
    if show is not None:
        config.write_text(show, encoding="utf-8")
    assert main(["--out", str(tmp_path / "card.pdf"), "--config", str(config)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "show.toml" in error
    assert said in error.lower()


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path / "none" / "card.pdf")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
