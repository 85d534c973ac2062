"""Players who take over between two frames, with fakes."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from engines.pack.player_pack import PackError
from engines.runtime.progress import doing, found
from realtime.config.show import Show
from realtime.performer import player_swap
from realtime.performer.networks import Nets
from realtime.performer.player_swap import PlayerSwap, prepare
from realtime.stages.memory import LOAD_BYTES
from realtime.transport.swap import SwapState, SwapStatus
from tests.realtime.fakes import fake_nets
from tests.realtime.performer.fake_packs import (
    LOST,
    ONE,
    THREE,
    TWO,
    Packs,
    until,
)


@pytest.fixture
def packs() -> Packs:
    return Packs()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def swap(packs: Packs, told: list[str]) -> PlayerSwap:
    return PlayerSwap(ONE, packs.nets[ONE], told.append)


def test_what_takes_long_for_a_player_is_told_while_another_dances(packs: Packs, told: list[str]) -> None:
    def slow(folder: Path) -> Nets:
        doing("quantizing the generator (about half a minute, once)")
        found("precision of the generator: int8")
        return packs.nets[ONE]

    swap = PlayerSwap(ONE, replace(packs.nets[ONE], load_player=slow), told.append)
    swap.request(TWO)
    until(lambda: len(told) >= 3)
    assert told[:3] == [
        f"loading the player {TWO}",
        "quantizing the generator (about half a minute, once)",
        "precision of the generator: int8",
    ]


def test_the_first_player_dances_until_another_is_asked_for(swap: PlayerSwap, packs: Packs) -> None:
    swap.request(ONE)
    assert swap.current() is packs.nets[ONE]
    assert swap.status == SwapStatus("One", SwapState.READY)
    assert not packs.asked


def test_he_dances_on_while_the_next_is_loaded_and_then_hands_over(
    swap: PlayerSwap, packs: Packs, told: list[str]
) -> None:
    for _ in range(3):
        swap.request(TWO)  # orders are sent again and again
    until(lambda: packs.asked == [TWO])
    assert swap.current() is packs.nets[ONE]
    assert swap.status == SwapStatus("One", SwapState.LOADING)
    packs.go[TWO].set()
    until(lambda: swap.current() is not packs.nets[ONE])
    assert swap.current() is packs.nets[TWO]
    assert swap.status == SwapStatus("Two", SwapState.READY)
    assert packs.asked == [TWO]
    assert told == ["loading the player players/two", "Two dances now"]


def test_one_who_fails_is_named_once_and_the_show_goes_on(
    swap: PlayerSwap, packs: Packs, told: list[str]
) -> None:
    lost = Path("players/lost")
    for _ in range(2):
        swap.request(lost)
        until(lambda: swap.status.state is SwapState.FAILED)
    reason = "players/lost is no player pack: player.toml is missing"
    assert swap.status == SwapStatus("One", SwapState.FAILED, reason)
    assert swap.current() is packs.nets[ONE]
    until(lambda: told[-1] == f"the player players/lost cannot be loaded ({reason}); One dances on")
    assert packs.asked == [lost], "the same order is not tried again"
    packs.go[TWO].set()
    swap.request(TWO)
    until(lambda: swap.current() is not packs.nets[ONE])
    assert swap.status.state is SwapState.READY and not swap.status.reason
    swap.request(lost)
    until(lambda: swap.status.state is SwapState.FAILED)
    assert packs.asked == [lost, TWO, lost]


def test_who_is_asked_for_last_wins(swap: PlayerSwap, packs: Packs) -> None:
    swap.request(TWO)
    until(lambda: packs.asked == [TWO])
    swap.request(THREE)
    packs.go[TWO].set()
    until(lambda: packs.asked == [TWO, THREE])
    assert swap.current() is packs.nets[ONE], "the second was given up"
    packs.go[THREE].set()
    until(lambda: swap.current() is not packs.nets[ONE])
    assert swap.current() is packs.nets[THREE]


def test_who_is_asked_back_stays(swap: PlayerSwap, packs: Packs) -> None:
    swap.request(TWO)
    until(lambda: packs.asked == [TWO])
    swap.request(ONE)
    assert swap.status.state is SwapState.READY
    packs.go[TWO].set()
    until(lambda: swap._loader is None)
    assert swap.current() is packs.nets[ONE]
    swap.request(TWO)
    until(lambda: swap.current() is packs.nets[TWO])


def test_who_has_danced_is_released(swap: PlayerSwap, packs: Packs) -> None:
    first = weakref.ref(packs.nets.pop(ONE))
    packs.go[TWO].set()
    swap.request(TWO)
    until(lambda: swap.current().name == "Two")
    gc.collect()
    assert first() is None


def test_who_is_loaded_dances_at_once(packs: Packs, told: list[str]) -> None:
    packs.made_heavy()
    swap = PlayerSwap(ONE, packs.nets[ONE], told.append)
    packs.go[TWO].set()
    swap.request(TWO)
    until(lambda: swap.current().name == "Two")
    for folder, name in ((ONE, "One"), (TWO, "Two"), (ONE, "One")):
        swap.request(folder)
        assert swap.current().name == name
        assert swap.status == SwapStatus(name, SwapState.READY)
    assert packs.asked == [TWO]


def prepared(packs: Packs, folders: Sequence[Path], told: list[str], free: Sequence[int]) -> dict[Path, Nets]:
    """Who stays loaded, where so much memory is left each time."""
    left = iter(free)
    done = {
        folder: prepare(packs.nets[ONE], folder, told.append, free_bytes=lambda: next(left))
        for folder in folders
    }
    return {folder: nets for folder, nets in done.items() if nets is not None}


def test_all_are_loaded_before_the_show_and_stay_while_there_is_memory(packs: Packs, told: list[str]) -> None:
    packs.made_heavy()
    for event in packs.go.values():
        event.set()
    loaded = prepared(packs, (LOST, TWO, THREE), told, (LOAD_BYTES, LOAD_BYTES, LOAD_BYTES - 1))
    assert packs.asked == [LOST, TWO, THREE], "what is compiled for the third is on disk now"
    assert list(loaded) == [TWO]
    (line,) = told
    assert line.startswith("the player players/lost cannot be loaded (players/lost is no player pack")
    swap = PlayerSwap(ONE, packs.nets[ONE], loaded=loaded, free_bytes=lambda: LOAD_BYTES - 1)
    swap.make_room()
    swap.request(TWO)
    assert swap.current() is loaded[TWO]
    assert swap._loader is None


@pytest.mark.parametrize("is_heavy", [False, True])
def test_who_is_kept_on_disk_and_would_not_stay_is_not_loaded(
    packs: Packs, told: list[str], is_heavy: bool
) -> None:
    """On a device nobody stays, on a CPU nobody without memory."""
    if is_heavy:
        packs.made_heavy()
    packs.go[TWO].set()
    packs.nets[ONE] = replace(packs.nets[ONE], is_kept=lambda folder: folder == THREE)
    free = LOAD_BYTES - 1 if is_heavy else 2 * LOAD_BYTES
    assert prepared(packs, (THREE, TWO), told, (free, free)) == {}
    assert packs.asked == [TWO]

    def broken(folder: Path) -> bool:
        raise PackError(f"{folder} is no player pack")

    packs.nets[ONE] = replace(packs.nets[ONE], is_kept=broken)
    assert prepared(packs, (THREE,), told, (free,)) == {}
    (line,) = told
    assert line.startswith("the player players/three cannot be loaded (players/three is no player pack")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_loader_that_died_is_replaced(packs: Packs) -> None:
    fails = [True]

    def memory() -> int:
        if fails[0]:
            raise OSError("too many open files")
        return LOAD_BYTES

    packs.made_heavy()
    swap = PlayerSwap(ONE, packs.nets[ONE], free_bytes=memory)
    packs.go[TWO].set()
    packs.go[THREE].set()
    swap.request(TWO)
    until(lambda: swap._loader is not None and not swap._loader.is_alive())
    fails[0] = False
    swap.request(THREE)
    until(lambda: swap.current().name == "Three")


@pytest.mark.parametrize("is_loading", [False, True])
def test_where_memory_is_short_who_has_not_danced_for_longest_is_freed(
    packs: Packs, monkeypatch: pytest.MonkeyPatch, is_loading: bool
) -> None:
    """In a thread of its own, part after part, and not before the last frame: frames would wait for it."""
    monkeypatch.setattr(player_swap, "FREE_EVERY_S", 0.01)
    freed = packs.made_heavy()
    memory = [LOAD_BYTES]
    swap = PlayerSwap(ONE, packs.nets.pop(ONE), free_bytes=lambda: memory[0])
    frame = swap.current()
    packs.go[TWO].set()
    swap.request(TWO)
    until(lambda: swap.current().name == "Two")
    memory[0] = 0
    if is_loading:
        packs.go[THREE].set()
        swap.request(THREE)
        until(lambda: swap.current().name == "Three")
    else:
        swap.make_room()
        swap.make_room()
    packs.nets.clear()
    time.sleep(0.1)
    assert not freed, "a frame is still painted with the first one's"
    del frame
    until(lambda: len(freed) == 2)
    assert freed == [("One's renderer", "former player"), ("One's net", "former player")]
    swap.request(TWO)
    assert swap.current().name == "Two"


def test_where_no_thread_is_left_the_show_goes_on(
    packs: Packs, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    packs.made_heavy()
    loaded = {TWO: packs.made("Two")}
    swap = PlayerSwap(ONE, packs.nets[ONE], told.append, loaded=loaded)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        swap.make_room()
        swap.request(THREE)
        assert swap.status == SwapStatus("One", SwapState.FAILED, "RuntimeError: can't start new thread")
    swap.request(TWO)
    assert swap.current() is loaded[TWO], "it was not given up"
    packs.go[THREE].set()
    swap.request(THREE)
    until(lambda: swap.current().name == "Three")


def no_thread(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_a_player_alone_names_whom_it_cannot_load() -> None:
    swap = PlayerSwap(ONE, replace(fake_nets(Show()), name="One"))
    swap.request(TWO)
    until(lambda: swap.status.state is SwapState.FAILED)
    assert "players/two: this show has one player only" in swap.status.reason
