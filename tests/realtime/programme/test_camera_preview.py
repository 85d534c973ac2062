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


def test_the_floor_and_its_mark_are_drawn() -> None:
    picture = np.zeros((100, 200, 3), np.uint8)
    corners = ((0.25, 0.5), (0.75, 0.5), (0.75, 0.9), (0.25, 0.9))
    draw_people(People((200, 100), floor=corners, mark=(0.5, 0.7)), picture)
    assert picture[50, 60:140].any(axis=1).all() and picture[55:85, 50].any(axis=1).all()
    assert picture[70, 100].any() and not picture[:45].any() and not picture[60, 70:90].any()
