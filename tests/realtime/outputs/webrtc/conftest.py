"""What `aiortc_patches.prepare` changes in aiortc and aioice is changed back after each test."""

import copy

import aioice.ice
import aiortc.codecs
import pytest


@pytest.fixture(autouse=True)
def _aiortc_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiortc.codecs, "H264Encoder", aiortc.codecs.H264Encoder)
    monkeypatch.setitem(aiortc.codecs.CODECS, "video", copy.deepcopy(aiortc.codecs.CODECS["video"]))
    monkeypatch.setattr(aioice.ice, "get_host_addresses", aioice.ice.get_host_addresses)
    monkeypatch.setattr(aioice.ice, "server_reflexive_candidate", aioice.ice.server_reflexive_candidate)
