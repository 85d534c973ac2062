from __future__ import annotations

from tools.evaluate.rows import PARTS, Row, Values, as_text, values, verdict

MORE, LESS, ONE = (Row("row", ("score",), better, "") for better in ("more", "less", "one"))


def test_the_tail_is_the_worst_end() -> None:
    part = {"score": {"mean": 3.0, "median": 2.0, "p5": 1.0, "p95": 9.0}, "true": 5.0}
    assert values(MORE, part) == Values(3.0, 2.0, 1.0)
    assert values(LESS, part).tail == 9.0
    assert values(Row("row", ("score",), "more", "", ("true",)), part).recording == 5.0
    assert values(MORE, {}) == Values(None)


def test_the_verdict_knows_which_way_is_up() -> None:
    assert verdict(MORE, 2.0, 1.0) == "better" and verdict(LESS, 2.0, 1.0) == "worse"
    assert verdict(ONE, 0.9, 1.3) == "better" and verdict(ONE, 0.5, 1.3) == "worse"
    assert verdict(MORE, None, 1.0) == verdict(MORE, 1.0, 1.0) == ""
    assert verdict(Row("row", ("score",), "", ""), 1.0, 2.0) == ""


def test_the_table_prints_what_was_measured_and_a_dash_for_the_rest() -> None:
    part = {
        "frames": {"available": 9, "judged": 3, "blocks": 1},
        "psnr_db": {"person": {"mean": 18.25, "median": 18.0, "p5": 16.0, "p95": 20.0}},
    }
    report = {"player": "players/a", "held_out": part}
    lines = as_text(report).splitlines()
    assert "3 of 9 frames judged" in lines[0]
    row = next(line for line in lines if line.startswith("PSNR, dB, person"))
    assert row.split()[-4:] == ["18.250", "18.000", "16.000", "-"]
    assert len(lines) == 2 + len(PARTS["held_out"])
    other = {
        "player": "players/b",
        "held_out": {**part, "psnr_db": {"person": {**part["psnr_db"]["person"], "mean": 17.0}}},
    }
    compared = as_text({**report, "compared_with": other})
    assert "B: players/b" in compared and "1.250    better" in compared
