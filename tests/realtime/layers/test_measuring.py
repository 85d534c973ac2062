"""What is laid over the programme to measure by."""

from dataclasses import replace

import numpy as np

from calibration import board_colour, marker
from realtime.layers.measuring import FLASH_TICKS, MeasuringPictures
from realtime.transport.orders import Orders

SIZE = 320, 180


def test_nothing_is_touched_while_nothing_is_measured() -> None:
    below = np.full((SIZE[1], SIZE[0], 3), 80, np.uint8)
    assert MeasuringPictures(SIZE).over(below, 7, Orders(), slated=False) is below


def test_the_marker_counts_ticks_and_what_is_below_stays() -> None:
    below = np.full((SIZE[1], SIZE[0], 3), 80, np.uint8)
    measuring = MeasuringPictures(SIZE)
    for tick in (7, 8, 1009):
        out = measuring.over(below, tick, Orders(measuring=True), slated=False)
        assert marker.read(out) == tick % marker.MODULUS
    assert (below == 80).all()
    assert measuring.over(below, 9, Orders(measuring=True), slated=True) is below, "a slate covers all"


def test_a_flash_lasts_for_its_ticks_and_the_first_number_counts_as_done() -> None:
    below = np.full((SIZE[1], SIZE[0], 3), 80, np.uint8)
    measuring, orders = MeasuringPictures(SIZE), Orders(flashes=3)
    assert measuring.over(below, 0, orders, slated=False) is below
    orders = replace(orders, flashes=4)
    begun = []
    for n in range(FLASH_TICKS):
        assert (measuring.over(below, 1 + n, orders, slated=False) == 255).all()
        begun.append(measuring.flashes)
    assert begun == [True, False, False]
    assert measuring.over(below, 9, orders, slated=False) is below
    assert measuring.over(below, 9, replace(orders, flashes=5), slated=True) is below
    assert not measuring.flashes
    assert measuring.over(below, 10, replace(orders, flashes=5), slated=False) is below, "nor later"


def test_the_chart_covers_the_programme_and_the_slate_covers_the_chart() -> None:
    below = np.full((SIZE[1], SIZE[0], 3), 80, np.uint8)
    measuring, orders = MeasuringPictures(SIZE), Orders(chart=True)
    for tick in range(2):
        shown = measuring.over(below, tick, orders, slated=False)
        np.testing.assert_array_equal(shown, board_colour.draw_chart(SIZE))
    assert measuring.over(below, 2, orders, slated=True) is below
    assert measuring.over(below, 3, Orders(), slated=False) is below and (below == 80).all()
