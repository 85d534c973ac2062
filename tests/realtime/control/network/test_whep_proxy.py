"""The way to WHEP through the control server: who is an operator, and what pages of other sites may do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import ClientSession

from realtime.control.network import whep_proxy
from realtime.outputs.webrtc import whep as playout
from tests.realtime.control.network.place import BEARER, TOKEN, FakeWhep, Place

ELSEWHERE = {"Origin": "https://team.example"}
SDP = {"Content-Type": "application/sdp"}


@pytest.fixture
def whep(tmp_path: Path, place: Place) -> Iterator[FakeWhep]:
    place.whep = str(tmp_path / "whep")
    with closing(FakeWhep(tmp_path / "whep")) as one:
        yield one


def test_a_page_of_another_site_may_play_the_programme(place: Place, whep: FakeWhep) -> None:
    for path in ("whep/programme", "whep/programme/x1"):
        asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        status, _, headers = place.ask("OPTIONS", path, headers={**ELSEWHERE, **asks})
        assert status == 204
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert set(headers["Access-Control-Allow-Methods"].split(", ")) == {
            "OPTIONS",
            "POST",
            "PATCH",
            "DELETE",
        }
        assert "Content-Type" in headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in headers
    status, text, headers = place.ask("POST", "whep/programme", headers={**ELSEWHERE, **SDP}, body="offer")
    assert (status, text) == (201, "v=0")
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Location" in headers["Access-Control-Expose-Headers"]
    for method in ("PATCH", "DELETE"):
        status, _, headers = place.ask(method, "whep/programme/x1", headers=ELSEWHERE)
        assert (status, headers["Access-Control-Allow-Origin"]) == (200, "*")


def test_options_are_answered_by_the_playout(place: Place, whep: FakeWhep) -> None:
    status, _, headers = place.ask("OPTIONS", "whep/programme", headers=ELSEWHERE)
    assert (status, headers["Link"], headers["Access-Control-Allow-Origin"]) == (200, whep.LINK, "*")
    assert place.ask("OPTIONS", "whep/preview", headers={"X": ""})[0] == 401
    assert place.ask("OPTIONS", "whep/preview")[2]["Link"] == whep.LINK
    assert [method for method, *_ in whep.asked] == ["OPTIONS", "OPTIONS"]


def test_a_page_of_another_site_is_told_why_not(place: Place) -> None:
    status, answer, headers = place.ask("POST", "whep/programme", headers={**ELSEWHERE, **SDP}, body="offer")
    assert (status, answer["error"]) == (503, "the programme is starting")
    assert headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "whep/preview"),
        ("OPTIONS", "whep/preview"),
        ("PATCH", "whep/preview/x1"),
        ("DELETE", "whep/preview/x1"),
        ("POST", "whep/programme/../preview"),
        ("POST", "whep/other"),
        ("GET", "api/state"),
        ("GET", "state"),
        ("GET", "console"),
        ("OPTIONS", "api/actions/slate"),
        ("POST", "api/actions/slate"),
        ("POST", "api/login"),
        ("GET", "metrics"),
    ],
)
def test_a_page_of_another_site_may_do_nothing_else(
    place: Place, whep: FakeWhep, method: str, path: str
) -> None:
    status, _, headers = place.ask(method, path, headers={**BEARER, **ELSEWHERE, **SDP})
    assert status == 403
    assert not [name for name in headers if name.lower().startswith("access-control")]
    assert whep.asked == []


def operator_said(place: Place, whep: FakeWhep, path: str, headers: dict[str, str]) -> bool:
    """Whether the playout is told that an operator asks."""
    assert place.ask("POST", path, headers={**SDP, **headers}, body="offer")[0] == 201
    return whep.headers[-1].get(playout.OPERATOR) == "yes"


def test_who_has_the_token_is_named_an_operator_and_nobody_else(place: Place, whep: FakeWhep) -> None:
    assert whep_proxy.OPERATOR == playout.OPERATOR
    login = place.ask("POST", "api/login", headers={"X": ""}, body=f'{{"token": "{TOKEN}"}}')[2]
    cookie = {"Cookie": login["Set-Cookie"].split(";")[0]}
    claim = {whep_proxy.OPERATOR: "yes"}
    assert operator_said(place, whep, "whep/preview", BEARER)
    assert operator_said(place, whep, "whep/programme", BEARER)
    assert operator_said(place, whep, "whep/programme", cookie)
    own = {"Origin": place.server.url.rstrip("/")}
    assert operator_said(place, whep, "whep/programme", {**cookie, **own})
    for headers in ({}, claim, {**claim, "Authorization": "Bearer wrong"}, {**cookie, **ELSEWHERE}):
        assert not operator_said(place, whep, "whep/programme", headers)


def test_strangers_are_answered_so_many_at_once_and_an_operator_besides(
    place: Place, whep: FakeWhep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whep_proxy, "MOST_AT_ONCE", 2)
    whep.hold()

    async def crowd(session: ClientSession) -> list[int]:
        url = f"{place.server.url}whep/programme"

        async def post(**headers: str) -> int:
            async with session.post(url, data="offer", headers={**SDP, **headers}) as answer:
                return answer.status

        waiting = [asyncio.ensure_future(post()) for _ in range(2)]
        while len(whep.asked) < 2:
            await asyncio.sleep(0.01)
        statuses = [await post()]
        operator = asyncio.ensure_future(post(**BEARER))
        while len(whep.asked) < 3:
            await asyncio.sleep(0.01)
        whep.go_on()
        statuses += [*await asyncio.gather(*waiting), await operator, await post()]
        return statuses

    assert place.run(crowd) == [503, 201, 201, 201, 201]
