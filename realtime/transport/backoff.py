"""How long to wait before the next try of a camera, an output or a stage. Pure: time and chance are
arguments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Backoff:
    """Exponential waiting with jitter, so that what failed together does not come back together.

    first_s, most_s: the shortest and the longest wait, before jitter. jitter: the share by which a wait may
    be shorter or longer. steady_s: after a run of this length, the wait is the shortest again.
    """

    first_s: float = 0.5
    most_s: float = 30.0
    jitter: float = 0.25
    steady_s: float = 10.0
    failures: int = 0

    def failed(self, ran_s: float, chance: float = 0.5, at_least_s: float = 0.0) -> float:
        """Seconds to wait after one more failure.

        Args:
            ran_s: how long it had run, 0 where it never got so far.
            chance: evenly distributed in 0..1; by default there is no jitter.
            at_least_s: what the other side asked for (HTTP's Retry-After); it is never undercut.
        """
        if ran_s >= self.steady_s:
            self.failures = 0
        self.failures += 1
        # 2 ** 30 is beyond any `most_s`; a larger exponent would only overflow.
        wait_s = min(self.most_s, self.first_s * 2.0 ** min(self.failures - 1, 30))
        return max(at_least_s, wait_s * (1 - self.jitter + 2 * self.jitter * chance))
