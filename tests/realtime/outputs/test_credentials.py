"""Videos that are signed say who made them, and that they have not been changed since."""

from __future__ import annotations

import json
import signal
import sys
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from realtime.config.outputs import ContentCredentials, Recorder
from realtime.outputs import synthetic
from realtime.outputs.h264 import EncoderSettings
from realtime.outputs.recording import recordings_of
from realtime.outputs.synthetic import COMMENT, SOURCE_TYPE, XMP, CredentialsError, VideoSigner, sign_all
from realtime.outputs.video_file import VideoFile
from tests.certificates import SIGNER, write_certificate
from tests.realtime.outputs.probing import probe, tags
from tests.realtime.outputs.test_recording import SIZE, frame

c2pa = pytest.importorskip("c2pa", reason="c2pa-python is not installed")


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """An MP4 as the recorder writes it."""
    path = tmp_path / "clip.mp4"
    options = {"movflags": "hybrid_fragmented+default_base_moof", "frag_duration": "200000"}
    file = VideoFile(
        str(path),
        "mp4",
        EncoderSettings(SIZE, Fraction(30), 400_000),
        options=options,
        metadata=synthetic.TAGS,
    )
    for tick in range(30):
        file.write(frame(tick).picture, tick)
    file.close()
    synthetic.append_xmp(path)
    return path


@pytest.fixture
def credentials(tmp_path: Path) -> ContentCredentials:
    return write_certificate(tmp_path)


def read(video: Path) -> tuple[str, dict[str, Any]]:
    """How its credentials are judged by C2PA's own library, and what they say."""
    with c2pa.Reader(video) as reader:
        return reader.get_validation_state(), json.loads(reader.json())


def test_a_signed_video_says_who_made_it_and_that_a_machine_did(
    video: Path, credentials: ContentCredentials
) -> None:
    before = probe(video)
    signer = VideoSigner(credentials)
    assert not signer.is_signed(video)
    signer.sign(video)
    assert signer.is_signed(video)
    state, found = read(video)
    assert state == "Valid"
    manifest = found["manifests"][found["active_manifest"]]
    assert manifest["signature_info"]["common_name"] == SIGNER
    assert manifest["title"] == "clip.mp4"
    (actions,) = [each["data"]["actions"] for each in manifest["assertions"] if "actions" in each["label"]]
    assert actions == [{"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE}]
    after = probe(video)
    assert tags(after)["comment"] == COMMENT
    assert after["streams"][0]["nb_frames"] == before["streams"][0]["nb_frames"] == "30"
    assert XMP.encode() in video.read_bytes()
    assert {path.name for path in video.parent.iterdir()} == {"clip.mp4", "chain.pem", "key.pem"}


def test_a_video_that_was_changed_is_not_valid(video: Path, credentials: ContentCredentials) -> None:
    VideoSigner(credentials).sign(video)
    data = bytearray(video.read_bytes())
    at = data.index(b"mdat") + 600
    data[at] ^= 1
    video.write_bytes(data)
    assert read(video)[0] == "Invalid"
    said: list[str] = []
    assert sign_all([video], VideoSigner(credentials), said.append) == 1
    assert said == [f"{video} was changed since it was signed"]


def test_what_cannot_be_signed_stays_as_it_is(
    video: Path, credentials: ContentCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = VideoSigner(credentials)
    broken = video.with_name("broken.mp4")
    broken.write_bytes(b"no video" * 100)
    with pytest.raises(CredentialsError, match=r"broken\.mp4 was not signed: "):
        signer.sign(broken)
    assert broken.read_bytes() == b"no video" * 100
    with pytest.raises(CredentialsError, match="No such file or directory"):
        signer.sign(video.with_name("nowhere.mp4"))
    before = video.read_bytes()
    monkeypatch.setattr(synthetic, "free_bytes", lambda _: synthetic.FREE_BYTES)
    with pytest.raises(CredentialsError, match=r"clip\.mp4 was not signed: the disk has no room"):
        signer.sign(video)
    assert video.read_bytes() == before
    assert not list(video.parent.glob(".*"))


def test_one_that_fails_stops_no_other(video: Path, credentials: ContentCredentials) -> None:
    broken = video.with_name("broken.mp4")
    broken.write_bytes(b"no video" * 100)
    said: list[str] = []
    signer = VideoSigner(credentials)
    assert sign_all([broken, video, video], signer, said.append) == 1
    assert signer.is_signed(video)
    assert f"{video} is signed already" in said


def test_ctrl_c_leaves_the_video_as_it_was(video: Path, credentials: ContentCredentials) -> None:
    """C2PA's library, which hears no signals, is in the middle of its work."""
    signer, before = VideoSigner(credentials), video.read_bytes()
    begun, let_go = threading.Event(), threading.Event()
    write = signer._write_signed

    def slow(video: Path, part: Path) -> None:
        begun.set()
        assert let_go.wait(60)
        write(video, part)

    signer._write_signed = slow  # type: ignore[method-assign]

    def press() -> None:
        assert begun.wait(60)
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)

    heard = signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
    threading.Thread(target=press).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            signer.sign(video)
        let_go.set()
    finally:
        signal.signal(signal.SIGINT, heard)
    assert video.read_bytes() == before


def test_a_video_that_is_being_written_is_left_alone(video: Path, credentials: ContentCredentials) -> None:
    signer = VideoSigner(credentials)
    write = signer._write_signed

    def meanwhile(video: Path, part: Path) -> None:
        write(video, part)
        with video.open("ab") as recorder:
            recorder.write(b"more")

    signer._write_signed = meanwhile  # type: ignore[method-assign]
    with pytest.raises(CredentialsError, match="was not signed: somebody is writing it"):
        signer.sign(video)
    assert video.read_bytes().endswith(b"more")
    assert not list(video.parent.glob(".*"))


def test_a_recording_stays_with_its_user(video: Path, credentials: ContentCredentials) -> None:
    video.chmod(0o600)
    VideoSigner(credentials).sign(video)
    assert video.stat().st_mode & 0o777 == 0o600
    credentials.key.chmod(0o640)
    with pytest.raises(CredentialsError, match=r"key\.pem can be read by others: chmod 600"):
        VideoSigner(credentials)


def test_a_certificate_that_c2pa_refuses_is_told_before_anything_is_signed(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match=r"C2PA does not accept the certificate .*chain\.pem: "):
        VideoSigner(write_certificate(tmp_path, usage=ExtendedKeyUsageOID.SERVER_AUTH))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"days": -1}, "chain.pem is valid from "),
        ({"password": b"secret"}, "key.pem has a password: write it without one"),
    ],
)
def test_certificates_that_cannot_sign(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match=words):
        VideoSigner(write_certificate(tmp_path, **change))


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("chain.pem", b"", "chain.pem holds no certificate in PEM"),
        ("key.pem", b"no key", "key.pem holds no private key in PEM"),
        ("key.pem", None, "key.pem cannot be read: No such file"),
    ],
)
def test_files_that_are_none(
    name: str, data: bytes | None, words: str, tmp_path: Path, credentials: ContentCredentials
) -> None:
    if data is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(CredentialsError, match=words):
        VideoSigner(credentials)


def test_another_ones_key_is_refused(tmp_path: Path, credentials: ContentCredentials) -> None:
    (tmp_path / "other").mkdir()
    other = write_certificate(tmp_path / "other")
    with pytest.raises(CredentialsError, match=r"key\.pem is not the key of .*chain\.pem"):
        VideoSigner(credentials.model_copy(update={"key": other.key}))


def test_without_the_package_one_line_says_what_to_install(
    credentials: ContentCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(CredentialsError, match="pip install c2pa-python=="):
        VideoSigner(credentials)


def test_an_outputs_files_are_known_by_name(tmp_path: Path) -> None:
    settings = Recorder(kind="recorder", name="archive", folder=tmp_path, container="mp4")
    names = ["archive 2026-11-30 20.00.00.mp4", "archive 2026-11-30 20.00.00 (2).mp4"]
    names.append("archive 2026-11-30 20.00.00 (2) (whole).mp4")
    for name in [
        *names,
        "another 2026-11-30 20.00.00.mp4",
        "archive 2026-11-30 20.00.00.mkv",
        ".archive 2026-11-30 20.00.00.part.mp4",
        "holiday.mp4",
    ]:
        (tmp_path / name).touch()
    assert {path.name for path in recordings_of(settings)} == set(names)
