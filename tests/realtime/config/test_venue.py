"""Venue files: written and read again, found by a show, and refused in one line where they are wrong."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from realtime.config.show import ShowError, check_show, load_show
from realtime.config.venue import Venue, VenueError, check_name, load_venue, name_of, to_toml
from realtime.transport.orders import Orders
from tests.mutations import changed, damaged

TEXT = """
[board]
gain = [0.93, 1.0, 0.8]
gamma = [1.02, 1.0, 0.97]
measured = 2026-11-28

[[cameras]]
name = "0"
floor = [[0.35, 0.62], [0.62, 0.62], [1.0, 1.0], [0.0, 1.0]]
floor_size_m = [6.0, 4.0]
mark = [0.5, 0.8]
measured = 2026-11-29

[cameras.lens]
size = [1280, 720]
matrix = [840.0, 841.5, 641.0, 362.0]
distortion = [-0.28, 0.09, 0.0006, -0.0004, 0.0]
error_px = 0.31
measured = 2026-11-30

[[cameras]]
name = "ndi://STUDIO (Cam 1)"
mark = [0.25, 0.75]
"""
fuzzed = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "venues").mkdir()
    (tmp_path / "venues" / "arena.toml").write_text(TEXT, encoding="utf-8")
    return tmp_path


def show_file(folder: Path, text: str) -> Path:
    path = folder / "show.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_venue_is_written_and_read_again(folder: Path) -> None:
    path = folder / "venues" / "arena.toml"
    venue = load_venue(path)
    assert venue.name == "arena" and venue.measured == date(2026, 11, 30)
    path.write_text(to_toml(venue), encoding="utf-8")
    assert load_venue(path) == venue


@given(name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
@settings(max_examples=100)
def test_any_name_of_a_camera_can_be_written(name: str) -> None:
    venue = Venue.model_validate({"cameras": [{"name": name}]})
    assert Venue.model_validate(tomllib.loads(to_toml(venue))) == venue


def test_a_show_names_it(folder: Path) -> None:
    show = load_show(show_file(folder, 'camera = "0"\nvenue = "arena"'))
    known = show.venue.camera("0")
    assert known is not None and known.floor is not None and known.floor[2] == (1.0, 1.0)
    assert show.venue.camera("1") is None
    again = check_show(show.model_dump(), "command line")
    assert again == show, "flags are laid over it"
    assert type(show).model_validate_json(show.model_dump_json()) == show, "the doctor gets it so"


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ('camera = "0"\nvenue = "arena"', (0.5, 0.8)),
        ('camera = "0"\nvenue = "arena"\ndancer_mark = [0.1, 0.2]', (0.1, 0.2)),
        ('camera = "1"\nvenue = "arena"', (0.5, 0.5)),
        ('camera = "0"', (0.5, 0.5)),
    ],
)
def test_the_mark_is_the_default_of_the_dancers(folder: Path, text: str, mark: tuple[float, float]) -> None:
    show = load_show(show_file(folder, text))
    assert show.mark == mark and Orders.at_start(show).dancer_mark == mark


@pytest.mark.parametrize(
    ("camera", "name"),
    [
        ("0", "0"),
        ("/dev/video0", "/dev/video0"),
        ("clips/fan.mp4", "fan.mp4"),
        ("/srv/show/fan.mp4", "fan.mp4"),
        ("ndi://STUDIO (Cam 1)", "ndi://STUDIO (Cam 1)"),
        ("rtsp://me:secret@10.0.0.7/stream", "rtsp://10.0.0.7/stream"),
    ],
)
def test_cameras_go_by_a_name_without_secrets(camera: str, name: str) -> None:
    assert name_of(camera) == name
    assert Venue.model_validate({"cameras": [{"name": name}]}).camera(camera) is not None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[cameras]]\nname = '0'\nfloors = 1", ["unknown key 'cameras.0.floors'", "floor_size_m"]),
        (
            "[[cameras]]\nname = '0'\nfloor = [[0,0],[1,1],[1,0],[0,1]]",
            ["cameras.0.floor", "in order around it"],
        ),
        ("[[cameras]]\nname = '0'\nfloor = [[0,0],[0.01,0],[0.01,0.01],[0,0.01]]", ["too small to dance on"]),
        ("[[cameras]]\nname = '0'\nmark = [0.5, 1.2]", ["cameras.0.mark.1", "1.2"]),
        ("[[cameras]]\nname = '0'\n[[cameras]]\nname = '0'", ["two cameras are named '0'"]),
        ("[[cameras]]\nname = '0'\nmark = [nan, 0.5]", ["cameras.0.mark.0"]),
        ("[[cameras]]\nname = '0'\nmeasured = 'never'", ["cameras.0.measured"]),
        (TEXT.replace("840.0", "0"), ["cameras.0.lens.matrix.0"]),
        ("[[", ["is not TOML"]),
    ],
)
def test_a_wrong_file_is_one_line(folder: Path, text: str, words: list[str]) -> None:
    (folder / "venues" / "arena.toml").write_text(text, encoding="utf-8")
    with pytest.raises(VenueError) as caught:
        load_venue(folder / "venues" / "arena.toml")
    with pytest.raises(ShowError) as of_show:
        load_show(show_file(folder, 'venue = "arena"'))
    for error in (str(caught.value), str(of_show.value)):
        assert all(word in error for word in ["arena.toml", *words]) and len(error.splitlines()) == 1, error


@pytest.mark.parametrize("name", ["../arena", "/etc/passwd", ".hidden", "a/b", "x" * 61, "a\nb"])
def test_a_name_is_no_path(folder: Path, name: str) -> None:
    with pytest.raises(VenueError, match="letters, digits"):
        check_name(name)
    with pytest.raises(ShowError, match="letters, digits"):
        check_show({"venue": name}, "a test", folder)


def test_a_missing_file_says_how_it_is_made(folder: Path) -> None:
    with pytest.raises(ShowError, match=r"show file .*: venue: .*other.toml cannot be read: No such file"):
        load_show(show_file(folder, 'venue = "other"'))


@fuzzed
@given(draw=st.data())
def test_data_are_a_venue_or_an_error_of_validation(draw: st.DataObject) -> None:
    try:
        venue = Venue.model_validate(changed(tomllib.loads(TEXT), draw))
    except ValidationError:
        return
    assert Venue.model_validate(tomllib.loads(to_toml(venue))).cameras == venue.cameras


@fuzzed
@given(draw=st.data())
def test_bytes_are_a_venue_or_one_line(tmp_path: Path, draw: st.DataObject) -> None:
    path = tmp_path / "arena.toml"
    path.write_bytes(damaged(TEXT.encode(), draw))
    try:
        assert isinstance(load_venue(path), Venue)
    except VenueError as error:
        assert len(str(error).splitlines()) == 1, repr(str(error))


def test_an_output_for_the_board_needs_the_boards_colours(folder: Path) -> None:
    output = '[[outputs]]\nkind = "window"\nboard_colour = true\n'
    show = load_show(show_file(folder, f'venue = "arena"\n{output}'))
    assert show.venue.board is not None
    assert show.venue.board.correction == ((0.93, 1.0, 0.8), (1.02, 1.0, 0.97))
    with pytest.raises(ShowError, match=r"window: board_colour needs a venue with \[board\]"):
        load_show(show_file(folder, output))
    ndi = '[[outputs]]\nkind = "ndi"\nboard_colour = true\nalpha = true\n'
    with pytest.raises(ShowError, match="with alpha"):
        load_show(show_file(folder, f'venue = "arena"\n{ndi}'))


@pytest.mark.parametrize(
    "line", ["gain = [1.2, 1.0, 1.0]", "gain = [0.0, 1.0, 1.0]", "gain = [1.0, nan, 1.0]"]
)
def test_no_boards_colours_are_cut_off(folder: Path, line: str) -> None:
    path = folder / "venues" / "arena.toml"
    path.write_text(TEXT.replace("gain = [0.93, 1.0, 0.8]", line), encoding="utf-8")
    with pytest.raises(VenueError, match=r"arena.toml: board\.gain"):
        load_venue(path)
