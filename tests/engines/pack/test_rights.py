"""Who agreed to a player's likeness: read, written, and over at the right day."""

from __future__ import annotations

import re
import shutil
import tomllib
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.pack.manifest import MANIFEST, PackError, PackManifest
from engines.pack.rights import NEAR_DAYS, Rights, with_rights, without_rights

LAST = date(2027, 6, 30)
RIGHTS = Rights("A. Jones", "home games", LAST, "filed with the club")
TEXT = 'format = 5\nname = "A"\n\n[sha256]\n"a" = "b"\n\n[made]\npsnr = nan\n'


def test_the_last_day_is_included() -> None:
    assert RIGHTS.expiry("A", LAST) == ""
    line = RIGHTS.expiry("A", LAST + timedelta(days=1))
    assert re.search("player A: .* ended with 2027-06-30 .* A. Jones.*--allow-expired", line)
    assert [RIGHTS.is_near(LAST - timedelta(days=days)) for days in (NEAR_DAYS + 1, NEAR_DAYS, -1)] == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("until", ["2027-06-30", '"2027-06-30"'])
def test_a_date_and_a_text_are_read(until: str) -> None:
    table = tomllib.loads(f'agreed_by = "A. Jones"\nfor = "home games"\nuntil = {until}')
    assert Rights.read(table) == Rights("A. Jones", "home games", LAST)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"agreed_by": "A", "for": "b"}, "until must be a date"),
        ({"agreed_by": "A", "for": "b", "until": "30.6.2027"}, "until must be a date"),
        ({"agreed_by": "A", "for": "b", "until": "2027-02-30"}, "2027-02-30 is no day"),
        ({"agreed_by": "A", "for": "b", "until": datetime(2027, 6, 30)}, "until must be a date"),
        ({"agreed_by": "A", "for": "", "until": LAST}, "for is empty"),
        ({"agreed_by": 1, "for": "b", "until": LAST}, "are texts"),
        ({"agreed_by": "A\x1b[2J", "for": "b", "until": LAST}, "agreed_by must be one line"),
        ({"agreed_by": "A", "for": "b" * 501, "until": LAST}, "for must be one line"),
        ({"agreed_by": "A", "for": "b", "until": LAST, "by": 1}, "unknown key 'by'"),
        ("yes", "is no table"),
    ],
)
def test_what_is_no_agreement_is_one_line(table: object, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        Rights.read(table)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.replace("\n[made]", '\n[likeness]\nagreed_by = "x"\nfor = "y"\nuntil = 2020-01-01\n\n[made]'),
        TEXT + '[ likeness ] # by hand\nagreed_by = "x"\nfor = "y"\nuntil = 2020-01-01\n',
    ],
)
def test_rights_are_replaced_and_nothing_else_is(text: str) -> None:
    written = with_rights(text, RIGHTS)
    assert Rights.read(tomllib.loads(written)["likeness"]) == RIGHTS
    assert without_rights(written) == with_rights(written, None) == TEXT
    assert with_rights(written, RIGHTS) == written


def test_a_manifest_that_cannot_be_changed_safely_is_left() -> None:
    inline = 'likeness = { agreed_by = "x", for = "y", until = 2020-01-01 }\n' + TEXT
    with pytest.raises(ValueError, match="edit it by hand"):
        with_rights('note = """\n[likeness]\n"""\n' + TEXT, RIGHTS)
    with pytest.raises(ValueError, match="likeness"):
        with_rights(inline, RIGHTS)


lines = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=40)


@settings(max_examples=100)
@given(st.builds(Rights, lines, lines, st.dates(), lines | st.just("")))
def test_whatever_is_agreed_comes_back(rights: Rights) -> None:
    written = with_rights(TEXT, rights)
    assert Rights.read(tomllib.loads(written)["likeness"]) == rights
    assert without_rights(written) == TEXT


def test_rights_in_a_pack(pack_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(pack_folder, tmp_path / "drawn"))
    before = PackManifest.load(folder)
    assert before.rights is None, "a pack of before is readable"
    manifest = folder / MANIFEST
    manifest.write_text(with_rights(manifest.read_text(encoding="utf-8"), RIGHTS), encoding="utf-8")
    after = PackManifest.load(folder)
    assert after.rights == RIGHTS
    assert after.digest == before.digest, "what is compiled of the player stays valid"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("2027-06-30", "1"), encoding="utf-8")
    with pytest.raises(PackError, match=r"player\.toml cannot be read: \[likeness\]: until"):
        PackManifest.load(folder)
