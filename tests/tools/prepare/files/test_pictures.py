from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools.prepare.files.pictures import SIDE_MULTIPLE, Pictures, fit_height


@pytest.mark.parametrize(
    ("size", "height", "expected"),
    [
        ((512, 512), 720, (512, 512)),
        ((1920, 1080), 720, (1280, 720)),
        ((1080, 1920), 720, (404, 720)),
        ((100, 70), 720, (100, 68)),
    ],
)
def test_pictures_are_scaled_down_and_cut(
    size: tuple[int, int], height: int, expected: tuple[int, int]
) -> None:
    frame = np.zeros((size[1], size[0], 3), np.uint8)
    frame[size[1] // 2 - 2 : size[1] // 2 + 2, size[0] // 2 - 2 : size[0] // 2 + 2] = 255
    fitted = fit_height(frame, height)
    assert (fitted.shape[1], fitted.shape[0]) == expected
    assert all(side % SIDE_MULTIPLE == 0 for side in fitted.shape[:2])
    rows, columns = np.nonzero(fitted[..., 0] > 100)
    assert rows.mean() == pytest.approx(expected[1] / 2, abs=1)  # the middle stays
    assert columns.mean() == pytest.approx(expected[0] / 2, abs=1)


def test_masks_come_back_as_they_were_and_others_go(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path)
    mask = np.random.default_rng(0).integers(0, 256, (64, 96), np.uint8)
    for number in (3, 1_234_567):
        pictures.write_mask(number, mask)
        pictures.write_final(number, np.repeat(mask[..., None], 3, axis=2))
    np.testing.assert_array_equal(pictures.mask(1_234_567), mask)
    pictures.keep_only(np.array([3]))
    assert [path.name for path in (tmp_path / "masks").iterdir()] == ["000003.png"]
    assert [path.name for path in (tmp_path / "frames").iterdir()] == ["000003.jpg"]
    Pictures(tmp_path)  # again, on what is there
