"""Lines of text: as wide as they may be, in their colours, and a font that is none is told by name."""

from pathlib import Path

import numpy as np
import pytest

from realtime.layers.lettering import FontError, lettered


def test_letters_lie_in_their_box() -> None:
    colours, alpha = lettered("Zoë dances", None, 40, 1000, "#ff8000", "#0000ff80")
    height, width = alpha.shape
    assert colours.shape == (height, width, 3)
    assert 40 < height < 80
    assert 200 < width < 400
    assert alpha[0, 0] < 10, "its corners are round"
    assert alpha[height // 2, 3] == pytest.approx(128, abs=2)
    np.testing.assert_allclose(colours[height // 2, 3], (128, 0, 0), atol=2)
    ink = (colours == (0, 128, 255)).all(axis=2) & (alpha == 255)
    assert 0.05 < ink.mean() < 0.5
    assert (colours.max(axis=2) <= alpha).all(), "colours are times alpha"


def test_a_long_line_gets_smaller() -> None:
    _, alpha = lettered("W" * 30, None, 40, 300, "#ffffff", "#00000000")
    assert 200 < alpha.shape[1] <= 310
    assert alpha.max() > 200


def test_a_font_that_is_none_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.ttf").write_text("no font")
    with pytest.raises(FontError, match=r"a\.ttf: it is no font that can be read"):
        lettered("a", tmp_path / "a.ttf", 20, 100, "#ffffff", "#000000")
