from __future__ import annotations

import pytest

from engines.pose import convert
from engines.pose.convert import FULL, HEAVY
from tools.footage.landmark_net import LandmarkNetError, choose_net


def test_the_heavy_net_is_taken_where_it_can_be_had_and_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(convert, "fetch_heavy", lambda: "")
    assert choose_net("auto") == choose_net("heavy") == HEAVY
    assert "landmarks: the heavy net" in capsys.readouterr().err


def test_without_it_the_full_one_is_taken_and_told_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(convert, "fetch_heavy", lambda: "the network is down")
    assert choose_net("auto") == FULL
    assert "the full net; the heavy one is more exact, but the network is down" in capsys.readouterr().err
    with pytest.raises(LandmarkNetError, match="the network is down; put"):
        choose_net("heavy")


def test_the_full_one_is_taken_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(convert, "fetch_heavy", lambda: pytest.fail("nobody asked for it"))
    assert choose_net("full") == FULL
    assert capsys.readouterr().err == "landmarks: the full net\n"
