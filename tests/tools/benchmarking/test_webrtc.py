"""The measurement itself, briefly: Chromium shows both senders' pictures, and their times are read."""

from fractions import Fraction

import pytest

from realtime.outputs.sink import Format
from tools.benchmarking.webrtc import CannotMeasure, main, measure

pytestmark = pytest.mark.browser


def test_both_are_shown_and_their_times_are_read() -> None:
    try:
        found = measure(Format((640, 360), Fraction(30)), 2_000_000, seconds=3, rounds=1)
    except CannotMeasure as error:
        pytest.skip(str(error))
    for figures in found.values():
        assert figures.pictures > 10
        assert figures.unreadable < figures.pictures / 10
        assert 0 < figures.p50_ms <= figures.p95_ms <= figures.p99_ms


@pytest.mark.parametrize("arguments", [["--size", "wide"], ["--size", "320x240"], ["--fps", "often"]])
def test_what_cannot_be_measured_is_named(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert arguments[1] in capsys.readouterr().err
