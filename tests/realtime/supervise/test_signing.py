from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from realtime.config.outputs import Recorder
from realtime.config.show import Show
from realtime.supervise.signals import SIGNALS
from realtime.supervise.signing import sign_recordings, signers_of, written
from tests.certificates import write_certificate

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("seen", [True, False])
def test_what_a_show_has_recorded_is_signed_after_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, seen: bool
) -> None:
    """Where somebody sees it; else how to sign it is told."""
    c2pa = pytest.importorskip("c2pa", reason="c2pa-python is not installed")
    credentials = write_certificate(tmp_path)
    settings = Recorder(kind="recorder", folder=tmp_path, container="mp4", content_credentials=credentials)
    signers = signers_of(Show(outputs=(settings,)))
    earlier, recorded = (tmp_path / f"recorder 2026-11-30 {hour}.00.00.mp4" for hour in (19, 20))
    shutil.copy(ROOT / "assets/fan_dance.mp4", earlier)
    before = written(signers)
    shutil.copy(ROOT / "assets/fan_dance.mp4", recorded)
    monkeypatch.setattr("sys.stdout.isatty", lambda: seen)
    heard = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        assert sign_recordings(signers, before, Path("show.toml")) == 0
    finally:
        for number, handler in heard.items():
            signal.signal(number, handler)
    out = capsys.readouterr().out
    assert (f"{recorded} was signed in " in out) is seen
    assert (
        "recordings that are not signed yet: 1; sign them with: python -m tools.sign show.toml" in out
    ) is not seen
    assert (c2pa.Reader.try_create(recorded) is not None) is seen
    assert c2pa.Reader.try_create(earlier) is None
