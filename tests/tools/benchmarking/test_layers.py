"""The measurement itself, briefly."""

import re

import pytest

from tools.benchmarking.layers import main


def test_each_size_has_three_figures(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--ticks", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["1280x720", "1920x1080"]
    for line in lines:
        none, _, two = (float(figure) for figure in re.findall(r"([0-9.]+) ms", line))
        assert none < two
