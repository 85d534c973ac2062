from dataclasses import replace

import numpy as np

from realtime.programme.camera_preview import draw_people
from realtime.transport.people import People
from tests.realtime.transport.test_people import people_side_by_side


def test_people_are_drawn_where_they_are() -> None:
    people = people_side_by_side()
    picture = np.zeros((100, 300, 3), np.uint8)
    draw_people(people, picture)
    assert picture[20, 10:90].any(axis=1).all() and picture[20:90, 110].any(axis=1).all()
    assert picture[60:75, 150:185].any(), "a leg"
    assert (picture[20, 30] != picture[20, 130]).any(), "the fan's box has a colour of its own"
    tall = np.zeros((300, 300, 3), np.uint8)
    draw_people(people, tall)
    assert (tall[100:200] == picture).all() and not tall[:100].any() and not tall[200:].any()
    blank = np.zeros_like(picture)
    draw_people(People(), blank)
    assert not blank.any()


def test_both_fans_of_a_duet_are_drawn_with_their_numbers() -> None:
    alone = people_side_by_side()
    both = replace(
        alone, second=2, second_landmarks=tuple((x + 0.3, y, sure) for x, y, sure in alone.landmarks)
    )
    pictures = [np.zeros((400, 1200, 3), np.uint8) for _ in range(2)]
    for people, picture in zip((alone, both), pictures, strict=True):
        draw_people(people, picture)
    before, picture = pictures
    first, second = (picture[80, 400 * n + 60] for n in (1, 2))
    assert (first != second).any() and (before[80, 860] != second).any(), "each has a colour of its own"
    assert (picture[240:300, 900:1140] == second).all(axis=2).any(), "a leg of the second one"
    for n in (1, 2):
        corner = slice(85, 115), slice(400 * n + 44, 400 * n + 70)
        assert not before[corner].any() and picture[corner].any(), "a number"


def test_the_floor_and_its_mark_are_drawn() -> None:
    picture = np.zeros((100, 200, 3), np.uint8)
    corners = ((0.25, 0.5), (0.75, 0.5), (0.75, 0.9), (0.25, 0.9))
    draw_people(People((200, 100), floor=corners, mark=(0.5, 0.7)), picture)
    assert picture[50, 60:140].any(axis=1).all() and picture[55:85, 50].any(axis=1).all()
    assert picture[70, 100].any() and not picture[:45].any() and not picture[60, 70:90].any()
