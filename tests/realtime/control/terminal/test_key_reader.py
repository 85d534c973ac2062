from hypothesis import given
from hypothesis import strategies as st

from realtime.control.terminal.key_reader import KeyReader

S = 1_000_000_000
SEQUENCES = [
    b"\x1b[A", b"\x1b[D", b"\x1b[1;5D", b"\x1b[1;2d", b"\x1b[3~", b"\x1b[15~", b"\x1b[[A", b"\x1b[3$",
    b"\x1b[I", b"\x1bOD", b"\x1bOP", b"\x1bOM", b"\x1bO5D", b"\x1b[M !!", b"\x1b[200~", b"\x1b[<0;10;10M",
]  # fmt: skip
"""Of arrows, function and editing keys, a keypad, focus and a mouse, in xterm, rxvt and the Linux console."""


def pressed(*parts: tuple[float, bytes]) -> list[str]:
    """The keys of bytes that come at these seconds."""
    reader = KeyReader()
    return [key for at_s, data in parts for key in reader.feed(data, round(at_s * S))]


@given(st.sampled_from(SEQUENCES), st.data())
def test_no_part_of_a_sequence_is_a_key_however_it_is_split(sequence: bytes, data: st.DataObject) -> None:
    gaps_s = data.draw(st.lists(st.floats(0, 3), min_size=len(sequence), max_size=len(sequence)))
    at_s, parts = 10.0, []
    for byte, gap_s in zip(sequence, gaps_s, strict=True):
        at_s += gap_s
        parts.append((at_s, bytes([byte])))
    assert set(pressed(*parts)) <= {"\x1b"}, "at most the Escape key, where nothing followed for long"
    assert pressed((0, sequence), (1, b"d")) == ["d"], "the next key is heard"


def test_a_left_arrow_of_a_slow_line_is_no_dump() -> None:
    for gap_s in (0, 0.05, 0.3, 60):
        assert "D" not in pressed((0, b"\x1b"), (gap_s, b"["), (2 * gap_s, b"D"))


def test_the_escape_key_is_told_once_nothing_follows() -> None:
    reader = KeyReader()
    assert reader.feed(b"\x1b", 0) == [] and reader.waiting
    assert reader.idle(S // 20) == []
    assert reader.idle(S // 5) == ["\x1b"] and not reader.waiting
    assert reader.idle(S) == []
    assert reader.feed(b"d", 2 * S) == ["d"]
    assert pressed((0, b"\x1bd"), (1, b" ")) == [" "], "Alt with a letter is no key of ours"


def test_a_sequence_that_was_cut_short_does_not_swallow_the_space_bar() -> None:
    assert pressed((0, b"\x1b["), (1, b" ")) == [" "]
    assert pressed((0, b"\x1b[1;"), (1, b" "), (2, b"d")) == [" ", "d"]


def test_a_held_key_is_one_press() -> None:
    held = [(0.0, b"f"), (0.66, b"f"), *((0.66 + n / 30, b"f") for n in range(1, 100)), (4.0, b"fff")]
    assert pressed(*held) == ["f"]
    assert pressed(*held, (6, b"f")) == ["f", "f"]
    assert pressed((0, b"f"), (0.1, b"m"), (0.2, b"f")) == ["f", "m", "f"]
    assert pressed((0, b"qqqq")) == ["q"]


def test_a_key_that_is_struck_in_time_with_music_is_a_press_each_time() -> None:
    reader = KeyReader("g")
    taps = [key for n in range(8) for key in reader.feed(b"g", round(n * 0.2 * S))]
    assert taps == ["g"] * 8
    held = [key for n in range(90) for key in reader.feed(b"g", round((10 + n / 30) * S))]
    assert held == ["g"]
    assert reader.feed(b"f", 20 * S) + reader.feed(b"f", round(20.5 * S)) == ["f"]


def test_letters_of_other_alphabets_come_whole() -> None:
    assert pressed((0, "é".encode()[:1]), (1, "é".encode()[1:]), (2, "я".encode()), (3, b"\xff")) == [
        "é",
        "я",
    ]
