"""A show file that is damaged is refused in one line, whatever it holds."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime.config.show import Show, ShowError, check_show, load_show
from realtime.config.toml_file import MOST_BYTES
from realtime.control.keys import KeyConflict, Keymap
from tests.mutations import changed, damaged

TEXT = """
camera = "0"
player = "players/jones"
players = ["players/smith"]
dancer_mark = [0.5, 0.5]
background = "green"
allow_expired = false

[programme]
size = [1920, 1080]
fps = "30000/1001"

[webrtc]
host = "127.0.0.1"
public_url = "https://dance.example.org"
trusted_proxies = ["10.0.0.0/24"]
ice_servers = ["stun:stun.example.org", {urls = "turn:t.example.org", username = "u", credential = "hidden"}]

[control]
token = "a-token-of-a-test"
log = "logs"
osc_port = 9000

[keys]
take = "enter"

[link]
performer = "10.0.0.1"
playout = "10.0.0.2"

[[outputs]]
kind = "recorder"
folder = "takes"

[[outputs]]
kind = "stream"
url = "rtmp://host/app/hidden"

[[backgrounds]]
kind = "colour"
name = "green"
colour = "#00b140"
"""
DATA = tomllib.loads(TEXT)
fuzzed = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_the_file_itself_is_right(tmp_path: Path) -> None:
    path = tmp_path / "show.toml"
    path.write_text(TEXT, encoding="utf-8")
    assert load_show(path).control.osc_port == 9000


@fuzzed
@given(draw=st.data())
def test_data_are_a_show_or_one_line(draw: st.DataObject) -> None:
    try:
        show = check_show(changed(DATA, draw), "a test")
    except ShowError as error:
        assert len(str(error).splitlines()) == 1, repr(str(error))
        assert "hidden" not in str(error)
        return
    try:
        Keymap(show.keys)
    except KeyConflict as error:
        assert len(str(error).splitlines()) == 1


@fuzzed
@given(draw=st.data())
def test_bytes_are_a_show_or_one_line(tmp_path: Path, draw: st.DataObject) -> None:
    path = tmp_path / "show.toml"
    path.write_bytes(damaged(TEXT.encode(), draw))
    try:
        assert isinstance(load_show(path), Show)
    except ShowError as error:
        assert len(str(error).splitlines()) == 1, repr(str(error))


@pytest.mark.parametrize(
    "content",
    [
        b"a = " + b"[" * 100_000,
        b"a = " + b"{b=" * 100_000,
        b"lead_ms = 1" + b"0" * 5000,
        b"camera = '\x00'",
        b"\xff\xfe",
        b"#" * (MOST_BYTES + 1),
        b'fallback = "' + b"a" * 100_000 + b'"',
        b"[programme]\nfps = '1e999999999'",
        b"[programme]\nfps = 1e-7",
        b"[programme]\nfps = 1e400",
        b"[programme]\nfps = nan",
        b"lead_ms = inf",
        b'[keys]\n"\\u0085" = 1',
        b'"\\u001b[2J" = 1',
    ],
)
def test_odd_files_are_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "show.toml"
    path.write_bytes(content)
    with pytest.raises(ShowError) as caught:
        load_show(path)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 1000


def test_a_folder_is_no_show_file(tmp_path: Path) -> None:
    with pytest.raises(ShowError, match="cannot be read: Is a directory"):
        load_show(tmp_path)
