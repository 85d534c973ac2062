from __future__ import annotations

from pathlib import Path

import pytest

from realtime.config.outputs import Recorder
from realtime.config.show import Show
from tests.certificates import write_certificate
from tools.doctor.certificates import look_at_certificates
from tools.doctor.finding import Case, Level


@pytest.mark.parametrize(
    ("days", "level", "words"),
    [
        (90, Level.OK, "archive is signed with"),
        (20, Level.WARN, "valid until"),
        (-1, Level.FAIL, "chain.pem is valid from"),
    ],
)
def test_a_certificate_is_judged_by_its_last_day(tmp_path: Path, days: int, level: Level, words: str) -> None:
    pytest.importorskip("c2pa", reason="c2pa-python is not installed")
    credentials = write_certificate(tmp_path, days=days)
    archive = Recorder(kind="recorder", name="archive", container="mp4", content_credentials=credentials)
    show = Show(outputs=(Recorder(kind="recorder"), archive))
    (finding,) = look_at_certificates(Case(show))
    assert (finding.level, finding.check) == (level, "signing")
    assert words in str(finding)
