from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from tools.benchmarking.measuring.results import Result, Row, read_results
from tools.benchmarking.show import __main__ as benchmark
from tools.benchmarking.show import on_cpu
from tools.benchmarking.show.page import draw


def error_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert benchmark.main(arguments) == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error.strip().splitlines()[-1]


def test_a_part_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        benchmark.main([])
    assert "PART" in capsys.readouterr().err


def test_a_missing_truth_file_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "none.npz" in error_of(capsys, "pose", "--truth", str(tmp_path / "none.npz"))


def test_a_missing_player_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no player pack" in error_of(capsys, "generator", "--player", str(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("generator", "--variant", "std", "--size", "1920by1080"), "write WIDTHxHEIGHT"),
        (("generator", "--variant", "tiny", "--size", "512"), "WIDTHxHEIGHT"),
        (("outputs", "--markdown", "page.md"), "--json"),
        (("generator", "--rounds", "0"), "--rounds 0"),
        (("pipeline", "--seconds", "-1"), "--seconds"),
    ],
)
def test_what_cannot_be_measured_is_said(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in error_of(capsys, *arguments)


def test_a_broken_results_file_is_said_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results.json"
    path.write_text("{}", encoding="utf-8")
    assert "results.json holds no results" in error_of(capsys, "outputs", "--json", str(path))
    assert path.read_text(encoding="utf-8") == "{}"


def test_the_generator_is_measured_and_drawn(
    tmp_path: Path,
    pack_folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A whole run, on a small player: every contestant, the ceilings, the files."""
    monkeypatch.setattr(on_cpu, "PAPER_NGF", 16)
    results, page = tmp_path / "results.json", tmp_path / "page.md"
    files = ("--json", str(results), "--markdown", str(page))
    arguments = ("generator", "--player", str(pack_folder), "--rounds", "2", "--precisions", "f32")
    assert benchmark.main([*arguments, *files]) == 0

    (result,) = read_results(results)
    rows = {row.what: row.figures for row in result.rows}
    names = list(rows)
    assert names[0].startswith("ours")
    assert any(name.startswith("pix2pixHD global, ngf 16") for name in names)
    assert any(name.startswith("ceiling: large convolutions") for name in names)
    for figures in rows.values():
        assert isinstance(figures["ms_p50"], float) and figures["ms_p50"] > 0
    ours, peer = rows[names[0]], next(rows[name] for name in names if name.startswith("pix2pixHD"))
    assert ours["times_ours"] == 1
    assert peer["gmac"] == pytest.approx(ours["gmac"], rel=0.3)
    assert "--json" not in result.command

    assert page.read_text(encoding="utf-8") == draw([result], "results.json")
    assert names[0] in capsys.readouterr().out


def test_all_leaves_out_what_lacks_a_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacking(options: argparse.Namespace) -> Result:
        raise ImportError("No module named 'mediapipe'")

    def there(options: argparse.Namespace) -> Result:
        return Result("outputs", "Encoding", "A CPU", "command", [Row("ours", {"ms_p50": 1.0})])

    monkeypatch.setattr(benchmark, "PARTS", {"pose": ("", lacking), "outputs": ("", there)})
    assert benchmark.main(["all"]) == 0
    captured = capsys.readouterr()
    assert "pose is left out" in captured.err and "mediapipe" in captured.err
    assert "Encoding" in captured.out
    assert "mediapipe" in error_of(capsys, "pose")


def test_the_page_in_the_repository_is_drawn_from_its_figures() -> None:
    docs = Path(__file__).resolve().parents[4] / "docs"
    results, gpu = read_results(docs / "performance.json"), benchmark.read_gpu(docs / "gpu.json")
    assert (docs / "performance.md").read_text(encoding="utf-8") == draw(results, "performance.json", gpu)
