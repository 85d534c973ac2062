"""How a check ends when its parts fail, crash or hang, and what is drawn of it."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from engines.doll.choice import Drawing
from engines.doll.drawing import Doll
from engines.doll.parts import COUNT
from engines.pack.player_pack import PlayerPack
from engines.plans.cache import Parity
from tools.benchmarking.gpu_check import __main__ as command
from tools.benchmarking.gpu_check import clock, networks, run
from tools.benchmarking.gpu_check.made_up import Fit, enlarged, make_pack
from tools.benchmarking.gpu_check.parts import PartOf
from tools.benchmarking.gpu_check.record import CheckError, Failure, Notebook, Part, Record
from tools.benchmarking.gpu_check.setting import Setting
from tools.benchmarking.measuring.results import ResultsError, Row
from tools.benchmarking.show import __main__ as benchmark
from tools.benchmarking.show.page import draw

REAL = Record(
    "cuda", False, "python -m tools.gpu_check --out gpu.json", "2026-11-28T10:00:00+00:00",
    parts=[
        Part("environment", "The machine", 40.0, facts={"machine": "NVIDIA H100", "torch": "2.11.0"}),
        Part("ceilings", "Ceilings", 40.0, rows=[Row("copy", {"gbytes_s": 3012.4})], notes=["Both ways."]),
        Part("swap", "Swap", 90.0, failures=[Failure("swap", "RuntimeError: no memory", "Traceback ...")]),
    ],
)  # fmt: skip


def fine(setting: Setting, notebook: Notebook) -> None:
    notebook.row("a row", ms_p50=1.5, ms_p99=None)
    notebook.facts(most_memory_GiB=3.0)


def half(setting: Setting, notebook: Notebook) -> None:
    with notebook.attempt("the first"):
        raise CheckError("it is 3, 0 is expected")
    notebook.row("the second")


def wrong(setting: Setting, notebook: Notebook) -> None:
    raise ZeroDivisionError


def crash(setting: Setting, notebook: Notebook) -> None:
    notebook.row("before the crash")
    os.abort()


def hang(setting: Setting, notebook: Notebook) -> None:
    notebook.row("before it hung")
    time.sleep(600)


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(fine=fine, half=half, wrong=wrong, crash=crash, hang=hang)
    monkeypatch.setitem(sys.modules, "tools.benchmarking.gpu_check.fakes", module)  # type: ignore[arg-type]
    monkeypatch.setattr(run, "LEAST_S", 0.0)
    parts = {name: PartOf(name, f"fakes:{name}", 60.0) for name in ("half", "wrong", "crash", "hang", "fine")}
    parts["hang"] = parts["hang"]._replace(budget_s=1.0)  # ten times as long on a CPU
    monkeypatch.setattr(run, "DUMP_S", 5.0)
    for module_ in (run, command):
        monkeypatch.setattr(module_, "PARTS", parts)


def test_a_part_that_fails_crashes_or_hangs_leaves_the_others(
    tmp_path: Path, fakes: None, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "gpu.json"
    names = ["half", "wrong", "crash", "hang", "fine"]
    assert command.main(["--out", str(out), "--device", "cpu", "--parts", *names]) == 1
    record = Record.read(out)
    assert record.failed == names[:-1]
    found = {part.name: part for part in record.parts}
    assert found["fine"].rows == [Row("a row", {"ms_p50": 1.5})] and not found["fine"].failures
    (failure,) = found["half"].failures
    assert failure.what == "the first" and "it is 3, 0 is expected" in failure.error
    assert found["half"].rows == [Row("the second", {})]
    assert "ZeroDivisionError" in found["wrong"].failures[0].traceback
    assert found["crash"].rows == [Row("before the crash", {})]
    (failure,) = found["crash"].failures
    assert "it ended with status -" in failure.error
    # Where this process has used a CPU's AMX, its registers do not fit on the stack on which Python 3.11
    # would write the traceback: it dies of that instead (-11), and says nothing.
    assert "Fatal Python error" in failure.traceback or failure.error.endswith("-11")
    assert found["hang"].rows == [Row("before it hung", {})]
    assert "it was stopped after its 10 s" in found["hang"].failures[0].error
    assert "in hang" in found["hang"].failures[0].traceback, "it says where it hung"
    assert "failed: half, wrong, crash, hang" in capsys.readouterr().err


def test_a_part_is_run_again_beside_what_was_found(
    tmp_path: Path, fakes: None, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "gpu.json"
    arguments = ["--out", str(out), "--device", "cpu"]
    assert command.main([*arguments, "--keep", "--parts", "fine"]) == 2
    assert "--keep" in capsys.readouterr().err
    command.main([*arguments, "--parts", "fine", "half"])
    assert command.main([*arguments, "--keep", "--parts", "half"]) == 1
    record = Record.read(out)
    assert [part.name for part in record.parts] == ["half", "fine"] and record.parts[0].rows


def test_what_finds_no_time_is_said_to_be_missing(
    tmp_path: Path, fakes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "LEAST_S", 5.0)
    out = tmp_path / "gpu.json"
    assert command.main(["--out", str(out), "--device", "cpu", "--parts", "fine", "--seconds", "0.1"]) == 1
    assert Record.read(out).parts[0].failures[0].error == "no time was left for it"


def test_without_a_gpu_each_part_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.backends.choice.missing", lambda backend: "torch finds no NVIDIA GPU")
    out = tmp_path / "gpu.json"
    assert command.main(["--out", str(out), "--parts", "ceilings"]) == 1
    assert "--device cuda: torch finds no NVIDIA GPU" in Record.read(out).parts[0].failures[0].error


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--out", str(tmp_path / "nowhere/gpu.json")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "nowhere/gpu.json cannot be written" in error


def test_a_network_that_is_off_fails_the_part_and_its_figure_is_kept(
    tmp_path: Path, pack_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "parity", lambda *_: Parity("dB", 40.0, 31.5))
    monkeypatch.setattr(networks, "_pose_nets", lambda packs: [])
    monkeypatch.setattr(networks, "_check_pose", lambda notebook: None)
    monkeypatch.setattr("engines.backends.cuda.DEVICE", "cpu")
    monkeypatch.setitem(probes(), "cuda", lambda: None)
    part = Part("parity", "Parity", 60.0)
    setting = Setting("cpu", True, (pack_folder, pack_folder), tmp_path, tmp_path / "gpu.json")
    monkeypatch.setattr(Setting, "prepare", lambda setting: None)
    networks.check_parity(setting, Notebook(part, tmp_path / "part.json"))
    assert [row.figures for row in part.rows] == [{"psnr_db": 31.5}]
    assert "31.50 dB; the limit is 40.0 dB" in part.failures[0].error


def probes() -> dict[str, object]:
    import engines.backends.choice

    return engines.backends.choice._PROBES


def test_memory_that_is_asked_for_is_an_error() -> None:
    clock.must_not_allocate("a net", {"allocations": 0})
    clock.must_not_allocate("a net", {"allocations": None})
    with pytest.raises(CheckError, match="a net asked for memory 7 times"):
        clock.must_not_allocate("a net", {"allocations": 7})


def test_threads_are_timed_together_and_their_errors_are_raised() -> None:
    how = clock.Pace(0.01, 3, 5, 1)
    times = clock.together({"slow": lambda: time.sleep(0.01), "quick": lambda: None}, how)
    assert len(times["slow"]) >= 3 and len(times["quick"]) >= 3 and min(times["slow"]) >= 10

    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        clock.together({"fails": fail, "waits": lambda: None}, how)


def test_a_made_up_player_is_the_other_one_enlarged(tmp_path: Path, pack_folder: Path) -> None:
    pack = PlayerPack.load(pack_folder)
    larger = PlayerPack.load(make_pack(tmp_path / "larger", pack, "nano", (320, 192)))
    fit = Fit.of((128, 128), (320, 192))
    assert (fit.scale, fit.x) == (1.5, 64) and larger.size == (320, 192)
    assert larger.body.near.height == pytest.approx(1.5 * pack.body.near.height)
    assert larger.poses[3, 5].tolist() == pytest.approx(
        [1.5 * pack.poses[3, 5, 0] + 64, *(1.5 * pack.poses[3, 5, 1:3]), pack.poses[3, 5, 3]], rel=1e-5
    )
    assert len(larger.bank.numbers) == len(pack.bank.numbers)
    np.testing.assert_allclose(larger.bank.heights, 1.5 * pack.bank.heights, rtol=1e-5)
    small, large = (np.empty((height, width, 4), np.uint8) for height, width in ((128, 128), (192, 320)))
    for each, out in ((pack, small), (larger, large)):
        Doll(each.bank).paint(each.poses[3], Drawing.of(np.ones(COUNT, np.int64)), out)
    middle = cv2.resize(large[:, 64:256], (128, 128), interpolation=cv2.INTER_AREA)
    assert np.abs(middle[small[..., 3] > 0].astype(int) - small[small[..., 3] > 0]).mean() < 20
    assert (middle[..., 3] > 127).sum() == pytest.approx((small[..., 3] > 127).sum(), rel=0.05)


def test_a_wide_picture_loses_its_sides_in_a_narrow_one() -> None:
    wide = np.zeros((90, 160, 3), np.uint8)
    wide[:, 35:125] = np.arange(90, dtype=np.uint8)[:, None]
    fit = Fit.of((160, 90), (180, 180))
    assert (fit.scale, fit.x) == (2, -70)
    shown = fit.picture(wide, np.full((180, 180, 3), 255, np.uint8))
    np.testing.assert_array_equal(shown, cv2.resize(wide, (320, 180))[:, 70:250])
    np.testing.assert_array_equal(enlarged(wide, (180, 180)), shown)
    assert fit.points(np.array([80, 45, 1, 0.5], np.float32)).tolist() == [90, 90, 2, 0.5]


def test_the_page_shows_what_a_gpu_showed_and_what_failed() -> None:
    page = draw([], "performance.json", REAL)
    section = page[page.index("## On an NVIDIA GPU") :]
    assert "    python -m tools.gpu_check --out gpu.json\n" in section
    assert "NVIDIA H100, 2026-11-28. Torch 2.11.0." in section
    assert "| copy | NVIDIA H100 | 3012 |" in section and "Both ways." in section
    assert "Failed: swap: RuntimeError: no memory." in section and "Traceback" not in section
    assert "## On an NVIDIA GPU\n\nNot measured." in draw([], "performance.json")


def test_figures_of_a_gpu_are_drawn_from_the_file_beside(tmp_path: Path) -> None:
    figures, page = tmp_path / "performance.json", tmp_path / "performance.md"
    figures.write_text('{"results": []}', encoding="utf-8")
    arguments = ["draw", "--json", str(figures), "--markdown", str(page)]
    assert benchmark.main(arguments) == 0 and "NVIDIA H100" not in page.read_text(encoding="utf-8")
    REAL.write(tmp_path / "gpu.json")
    assert Record.read(tmp_path / "gpu.json") == REAL
    assert benchmark.main(arguments) == 0 and "| copy | NVIDIA H100 | 3012 |" in page.read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize("rehearsal", [replace(REAL, device="cpu"), replace(REAL, quick=True)])
def test_a_rehearsal_is_never_drawn(
    tmp_path: Path, rehearsal: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    figures, page = tmp_path / "performance.json", tmp_path / "performance.md"
    figures.write_text('{"results": []}', encoding="utf-8")
    rehearsal.write(tmp_path / "gpu.json")
    assert benchmark.main(["draw", "--json", str(figures), "--markdown", str(page)]) == 1
    assert "gpu.json is of a rehearsal" in capsys.readouterr().err and not page.exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "parts": [3]}'])
def test_what_is_no_record_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "gpu.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ResultsError, match=r"gpu\.json is nothing that tools\.gpu_check wrote"):
        Record.read(path)
