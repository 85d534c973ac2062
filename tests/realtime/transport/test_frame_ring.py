import multiprocessing
import time

import numpy as np
import pytest

from realtime.transport.frame_ring import FrameRing, RingSpec


def test_what_is_written_is_read_elsewhere() -> None:
    with FrameRing.create(10, 7) as ring, FrameRing.attach(ring.spec) as reader:
        with ring.write() as slot:
            slot.picture[:] = 42
        out = np.zeros((10, 7, 3), np.uint8)
        assert reader.read(slot.index, slot.sequence, out)
        assert (out == 42).all()


def test_an_overtaken_picture_is_refused() -> None:
    with FrameRing.create(4, 4, slots=3) as ring:
        with ring.write() as first:
            first.picture[:] = 1
        for n in range(2, 4):
            with ring.write() as slot:
                slot.picture[:] = n
        out = np.zeros((4, 4, 3), np.uint8)
        assert ring.read(first.index, first.sequence, out)
        with ring.write():
            assert not ring.read(first.index, first.sequence, out)
        assert not ring.read(first.index, first.sequence, out)


def test_a_picture_whose_writing_failed_is_never_readable() -> None:
    with FrameRing.create(4, 4) as ring:
        with pytest.raises(ZeroDivisionError), ring.write() as slot:
            _ = 1 / 0
        assert not ring.read(slot.index, slot.sequence, np.zeros((4, 4, 3), np.uint8))
        with ring.write() as after:
            pass
        assert after.sequence == slot.sequence


def write_for_ever(spec: RingSpec) -> None:
    ring = FrameRing.attach(spec)
    while True:
        with ring.write() as slot:
            slot.picture[:] = slot.sequence % 251


def test_a_killed_writer_leaves_no_torn_picture_and_its_successor_carries_on() -> None:
    spawn = multiprocessing.get_context("spawn")
    with FrameRing.create(240, 320, slots=3) as ring:
        out = np.zeros((240, 320, 3), np.uint8)
        newest = 0
        for _ in range(2):
            writer = spawn.Process(target=write_for_ever, args=(ring.spec,), daemon=True)
            writer.start()
            whole = 0
            deadline = time.monotonic() + 120
            while whole < 200:
                assert time.monotonic() < deadline
                sequence = int(ring._sequences.max())
                if sequence > newest and ring.read(sequence % 3, sequence, out):
                    assert (out == sequence % 251).all()
                    newest = sequence
                    whole += 1
            writer.kill()
            writer.join()
        assert newest > 200
        with FrameRing.attach(ring.spec):  # nobody's exit has removed it
            pass


def test_the_owner_removes_it() -> None:
    ring = FrameRing.create(4, 4)
    ring.close()
    with pytest.raises(FileNotFoundError):
        FrameRing.attach(ring.spec)
