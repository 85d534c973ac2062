"""Times that rise, from the stamps that a file or a stream gives its frames."""

from __future__ import annotations

from engines.time_units import NS_PER_S

JUMP_BACK_NS = 1 * NS_PER_S
"""Where the stamps go back by more than this, another recording begins: the time goes on from there."""
JUMP_AHEAD_NS = 10 * NS_PER_S
"""So do stamps that are further ahead than this, in formats whose clock may jump (MPEG-TS)."""


class Stamps:
    """Gives each frame of a video its time, nanoseconds since the first frame, always rising.

    A frame has a presentation stamp, a decoding stamp, both or neither. The presentation stamp is believed
    until more of them than of the decoding stamps have failed to rise (the rule of FFmpeg's
    libavcodec/decode.c, `guess_correct_pts`). A stamp that fails to rise puts its frame just after the one
    before it; where two in a row do, or one by more than `JUMP_BACK_NS`, the clock has been set back.
    """

    def __init__(self, period_ns: int, *, may_jump: bool = False) -> None:
        """period_ns: the usual time between frames. may_jump: the format's clock may jump ahead."""
        self._period_ns = period_ns
        self._longest_ns = JUMP_AHEAD_NS if may_jump else None
        self._presented_ns: int | None = None
        self._decoded_ns: int | None = None
        self._faulty_presented = self._faulty_decoded = 0
        self._offset_ns = 0
        self._nudged = False
        self._last_ns: int | None = None

    def __call__(self, presented_ns: int | None, decoded_ns: int | None) -> int:
        """The frame's time; its stamps in nanoseconds, None where it has none."""
        stamp_ns = self._believed(presented_ns, decoded_ns)
        if self._last_ns is None:
            self._offset_ns = -(stamp_ns or 0)
            self._last_ns = 0
        elif stamp_ns is None:
            self._last_ns += self._period_ns
        else:
            self._last_ns = self._after(self._last_ns, stamp_ns + self._offset_ns)
        return self._last_ns

    def _believed(self, presented_ns: int | None, decoded_ns: int | None) -> int | None:
        if presented_ns is not None:
            if self._presented_ns is not None and presented_ns <= self._presented_ns:
                self._faulty_presented += 1
            self._presented_ns = presented_ns
        if decoded_ns is not None:
            if self._decoded_ns is not None and decoded_ns <= self._decoded_ns:
                self._faulty_decoded += 1
            self._decoded_ns = decoded_ns
        if presented_ns is None or (decoded_ns is not None and self._faulty_presented > self._faulty_decoded):
            return decoded_ns
        return presented_ns

    def _after(self, last_ns: int, time_ns: int) -> int:
        step_ns = time_ns - last_ns
        if step_ns <= -JUMP_BACK_NS or (step_ns <= 0 and self._nudged) or self._too_far(step_ns):
            self._offset_ns += self._period_ns - step_ns
            self._nudged = False
            return last_ns + self._period_ns
        self._nudged = step_ns <= 0
        return last_ns + self._period_ns // 4 if self._nudged else time_ns

    def _too_far(self, step_ns: int) -> bool:
        return self._longest_ns is not None and step_ns > self._longest_ns
