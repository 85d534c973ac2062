from fractions import Fraction
from pathlib import Path

import pytest
from pydantic import BaseModel

from realtime.config.backgrounds import Loop
from realtime.config.fields import StrictModel
from realtime.config.outputs import Recorder
from realtime.config.show import Show, ShowError, check_show, load_show
from realtime.transport.orders import Orders


def write(folder: Path, text: str) -> Path:
    path = folder / "show.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_show_file_has_the_defaults_and_waits_for_take(tmp_path: Path) -> None:
    show = load_show(write(tmp_path, ""))
    assert show == Show()
    assert show.start == "standby"
    assert (show.hold_ms, show.healthy_ms) == (250, 1000)


def test_a_whole_show_file(tmp_path: Path) -> None:
    (tmp_path / "fan.mp4").touch()
    show = load_show(
        write(
            tmp_path,
            """
            camera = "fan.mp4"
            player = "pack"
            fallback = "camera"
            start = "live"
            mirror = true
            [programme]
            size = [1280, 720]
            fps = "30000/1001"
            [webrtc]
            port = 9000
            """,
        )
    )
    assert show.camera == str(tmp_path / "fan.mp4")
    assert show.player == tmp_path / "pack"
    assert show.programme.size == (1280, 720)
    assert show.programme.fps == Fraction(30000, 1001)
    assert show.webrtc.port == 9000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("camra = '0'", ["unknown key 'camra'", "camera"]),
        ("[programme]\nrate = 30", ["unknown key 'programme.rate'", "fps"]),
        ("hold_ms = -1", ["hold_ms", "-1"]),
        ("[tempo]\nsource = 'midi:'", ["tempo.source", "the name of a MIDI device", "'midi:'"]),
        ("[tempo]\nsource = 'clock'", ["tempo.source", "tap, link, or midi:", "'clock'"]),
        ("[tempo]\nboard_lag_ms = 3000", ["tempo.board_lag_ms", "2000", "3000"]),
        ("[duet]\napart = 0.2", ["duet.player", "required"]),
        ("[duet]\nplayer = 'x'\napart = 2", ["duet.apart", "1", "2"]),
        ("[duet]\nplayers = ['x']", ["unknown key 'duet.players'", "player"]),
        ("fallback = 'black'", ["fallback", "'standby' or 'camera'", "'black'"]),
        ("[webrtc]\nport = 70000", ["webrtc.port", "65535"]),
        ("[programme]\nfps = 0", ["programme.fps", "1"]),
        ("[programme]\nfps = 'fast'", ["programme.fps", "'fast'"]),
        ("[programme]\nfps = '30/0'", ["programme.fps", "30/0"]),
        ("[programme]\nsize = [641, 480]", ["programme.size", "even", "641"]),
        ("[programme]\nfps = true", ["programme.fps", "a number or a fraction", "True"]),
        ("[programme]\nsize = [640]", ["programme.size"]),
        ("[webrtc]\nice_servers = ['turn:host']", ["webrtc.ice_servers.0", "needs username and credential"]),
        ("[webrtc]\nice_servers = [{url = 'x'}]", ["webrtc.ice_servers.0", "urls"]),
        (
            "[[layers]]\nname = 'a'\nkind = 'text'\ntext = '{f}'",
            ["layers.0.text.text", "one of {player}"],
        ),
        ("[[layers]]\nkind = 'text'\nname = 'a'\ntext = '{fan'", ["layers.0.text.text", "write a brace"]),
        ("[[layers]]\nkind = 'picture'\nname = 'ai-mark'\nfile = 'a.png'", ["layers", "ai_mark adds"]),
        ("camera = ", ["not TOML"]),
        ("camera = '0'\ncameras = ['1', '0']", ["camera is not the first of cameras"]),
        ("cameras = ['0', '0']", ["cameras", "two cameras are named '0'"]),
        ("cameras = '0'", ["cameras", "tuple"]),
        ("cameras = ['0', 1]", ["cameras.1", "string"]),
        ("cameras = ['0', '1', '2', '3', '4', '5', '6', '7', '8']", ["cameras", "at most 8"]),
    ],
)
def test_a_mistake_is_one_line_that_names_file_and_key(tmp_path: Path, text: str, words: list[str]) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ShowError) as caught:
        load_show(path)
    assert "\n" not in str(caught.value)
    for word in [str(path), *words]:
        assert word in str(caught.value)


def test_a_duet_names_a_second_pack(tmp_path: Path) -> None:
    show = load_show(write(tmp_path, "player = 'a'\nplayers = ['b']\n[duet]\nplayer = 'c'"))
    assert show.packs == (tmp_path / "a", tmp_path / "b", tmp_path / "c")
    assert show.everyone == show.packs[:2]
    assert show.duet is not None and show.duet.shifts(1000) == (-150.0, 150.0)
    assert check_show(show.model_dump(), "command line") == show
    assert Show().packs == Show().everyone


def test_a_missing_show_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ShowError, match=r"none\.toml cannot be read: No such file"):
        load_show(tmp_path / "none.toml")


def test_several_cameras_and_what_devices_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "fan.mp4").touch()
    text = """
        cameras = ["fan.mp4", "ndi://B", "rtsp://u:p@host/?a=1", "rtsp://host/?a=2"]
        [capture]
        format = "mjpg"
        size = [1920, 1080]
        fps = 59.94
    """
    show = load_show(write(tmp_path, text))
    assert show.camera == str(tmp_path / "fan.mp4")
    assert show.every_camera == show.cameras
    assert show.camera_names == (show.camera, "ndi://B", "rtsp://host/ (3)", "rtsp://host/ (4)")
    assert (show.capture.format, show.capture.size, float(show.capture.fps)) == ("mjpg", (1920, 1080), 59.94)
    assert check_show(show.model_dump(), "command line") == show
    assert Show(camera="0").every_camera == ("0",)


def test_ice_servers_are_written_as_urls_or_tables(tmp_path: Path) -> None:
    show = load_show(
        write(
            tmp_path,
            """
            [webrtc]
            ice_servers = [
                "stun:stun.example:3478",
                { urls = ["turn:turn.example:3478"], username = "court", credential = "secret" },
            ]
            """,
        )
    )
    stun, turn = show.webrtc.ice_servers
    assert (stun.urls, stun.username) == (("stun:stun.example:3478",), None)
    assert (turn.urls, turn.username, turn.credential) == (("turn:turn.example:3478",), "court", "secret")
    assert check_show(show.model_dump(), "command line") == show


def test_paths_are_relative_to_the_show_file_and_absolute_ones_are_not(tmp_path: Path) -> None:
    show = load_show(
        write(
            tmp_path,
            """
            player = "/packs/star"
            players = ["jones", "/packs/smith"]
            camera = "0"
            outputs = [{ kind = "recorder" }]
            backgrounds = [{ kind = "video", name = "crowd", file = "loops/crowd.mp4" }]
            [link]
            performer = "a"
            playout = "b"
            [control]
            log = "logs"
            """,
        )
    )
    assert show.everyone == (Path("/packs/star"), tmp_path / "jones", Path("/packs/smith"))
    assert show.camera == "0"
    assert [output.folder for output in show.outputs if isinstance(output, Recorder)] == [
        tmp_path / "recordings"
    ]
    assert [each.file for each in show.backgrounds if isinstance(each, Loop)] == [
        tmp_path / "loops" / "crowd.mp4"
    ]
    assert show.link is not None and show.link.keys == tmp_path / "keys"
    assert show.control.log == tmp_path / "logs"
    assert check_show(show.model_dump(), "command line") == show


def settings(model: type[BaseModel] = StrictModel) -> list[type[BaseModel]]:
    below = model.__subclasses__()
    return [*below, *(each for one in below for each in settings(one))]


@pytest.mark.parametrize("model", settings())
def test_every_field_has_a_description(model: type[BaseModel]) -> None:
    assert model.model_fields
    for name, field in model.model_fields.items():
        assert field.description or name == "kind", name


def test_layers_can_be_switched_unless_they_are_locked(tmp_path: Path) -> None:
    show = load_show(
        write(
            tmp_path,
            """
            ai_mark = true
            sponsor = "ACME"
            [[layers]]
            kind = "picture"
            name = "logo"
            file = "logo.png"
            on = true
            [[layers]]
            kind = "text"
            name = "who"
            text = "{{{fan}}}"
            anchor = "bottom left"
            [[layers]]
            kind = "video"
            name = "bug"
            file = "bug.mov"
            locked = true
            """,
        )
    )
    assert [layer.name for layer in show.all_layers] == ["logo", "who", "bug", "ai-mark"]
    assert show.layers[0].file == tmp_path / "logo.png"
    assert Orders.at_start(show).layers == {"logo": True, "who": False}
