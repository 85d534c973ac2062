"""What `aiortc_patches.prepare` changes in aiortc and aioice is changed back after each test."""

import copy

import aioice.ice
import aiortc.codecs
import pytest

from realtime.outputs.webrtc import seats, webrtc_sink


@pytest.fixture(autouse=True)
def _aiortc_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiortc.codecs, "H264Encoder", aiortc.codecs.H264Encoder)
    monkeypatch.setitem(aiortc.codecs.CODECS, "video", copy.deepcopy(aiortc.codecs.CODECS["video"]))
    monkeypatch.setattr(aioice.ice, "get_host_addresses", aioice.ice.get_host_addresses)
    monkeypatch.setattr(aioice.ice, "server_reflexive_candidate", aioice.ice.server_reflexive_candidate)
    for name in ("CONSENT_INTERVAL", "CONSENT_FAILURES"):
        monkeypatch.setattr(aioice.ice, name, getattr(aioice.ice, name))
    gather = aioice.ice.Connection.get_component_candidates
    monkeypatch.setattr(gather, "__defaults__", gather.__defaults__)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody loses his seat, and no second line is logged, because a busy machine takes longer."""
    monkeypatch.setattr(seats, "CONNECTING_S", 1000.0)
    monkeypatch.setattr(webrtc_sink, "CONNECT_TIMEOUT_S", 1000.0)
    monkeypatch.setattr(webrtc_sink, "ANSWER_TIMEOUT_S", 60.0)
    monkeypatch.setattr(webrtc_sink, "LOG_EVERY_S", 1000.0)
