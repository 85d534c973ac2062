from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tools.benchmarking.measuring.results import Result, ResultsError, Row, read_results, write_results
from tools.benchmarking.show.page import draw, table

RESULT = Result(
    part="generator",
    title="tiny, 512x512",
    machine="A CPU, 2 cores",
    command="python -m tools.benchmark generator",
    rows=[
        Row("ours", {"ms_p50": 10.0, "psnr_db": 44.25}),
        Row("theirs", {"ms_p50": 40.126, "times_ours": 4.01}),
    ],
    notes=["A note."],
    details={"load_average": 1.5},
)


def test_a_table_has_a_column_for_each_figure_that_any_row_has() -> None:
    assert table(RESULT.rows, "A CPU, 2 cores").splitlines() == [
        "| | machine | ms, median | time / ours | PSNR to f32, dB |",
        "|---|---|---:|---:|---:|",
        "| ours | A CPU, 2 cores | 10.00 | - | 44.2 |",
        "| theirs | A CPU, 2 cores | 40.13 | 4.01 | - |",
    ]


def test_the_page_names_command_and_load_and_what_was_not_measured() -> None:
    page = draw([RESULT], "performance.json")
    assert "    python -m tools.benchmark generator\n" in page
    assert "Load 1.5." in page and "A note." in page
    assert page.index("## Generator") < page.index("NVIDIA GPUs, of any kind | not measured")
    assert "## Encoders\n\nNot measured." in page


def test_a_gpu_that_was_measured_is_not_said_to_be_missing() -> None:
    on_gpu = replace(RESULT, machine="NVIDIA H200", details={"gpu": {}})
    page = draw([RESULT, on_gpu], "performance.json")
    generator = page[page.index("## Generator") : page.index("## The whole way")]
    assert "NVIDIA H200" in generator and "not measured" not in generator


def test_new_figures_replace_those_of_the_same_machine_alone(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    other = replace(RESULT, machine="NVIDIA H200")
    write_results(path, [RESULT, other])
    newer = replace(RESULT, rows=[Row("ours", {"ms_p50": 9.0})])
    assert write_results(path, [newer]) == [newer, other] == read_results(path)


@pytest.mark.parametrize("text", ["", "[]", '{"results": [{"part": "pose"}]}', '{"results": [{"rows": 3}]}'])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ResultsError, match=r"results\.json holds no results"):
        read_results(path)
