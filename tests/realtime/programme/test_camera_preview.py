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
