"""One-Euro filters with real timestamps. Pure: time is an argument.

Source: Casiez, Roussel and Vogel, "1 Euro Filter", CHI 2012; details as in MediaPipe's one_euro_filter.cc.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.time_units import NS_PER_S

Floats = NDArray[np.float32]


class OneEuroFilter:
    """Smooths an array of values: strongly at rest, hardly in fast motion.

    min_cutoff, derivative_cutoff: hertz. beta: how much the cutoff rises with speed. Speed is in `scale` x
    value / second.
    """

    def __init__(self, min_cutoff: float, beta: float, derivative_cutoff: float = 1.0) -> None:
        self.min_cutoff = min_cutoff
        self.beta = beta
        self.derivative_cutoff = derivative_cutoff
        self.reset()

    def reset(self) -> None:
        self._t_ns: int | None = None
        self._raw: Floats | None = None
        self._value: Floats | None = None
        self._speed: Floats | None = None
        self._scale = 1.0

    def ahead(self, seconds: float) -> Floats:
        """The values that many seconds later, at their present speed. Raises ValueError before the first
        call."""
        if self._value is None or self._speed is None:
            raise ValueError("nothing was filtered yet")
        return self._value + self._speed * np.float32(seconds / self._scale)

    def __call__(self, values: Floats, t_ns: int, scale: float = 1.0) -> Floats:
        """values: any shape, the same at every call. t_ns: nanoseconds; if it has not advanced since the last
        call, the last result is returned."""
        if self._t_ns is None or self._raw is None or self._value is None or self._speed is None:
            self._speed = np.zeros_like(values)
            self._value = values.copy()
        elif t_ns <= self._t_ns:
            return self._value.copy()
        else:
            seconds = (t_ns - self._t_ns) / NS_PER_S
            speed = (values - self._raw) * np.float32(scale / seconds)
            alpha = _alpha(self.derivative_cutoff, seconds)
            self._speed = self._speed + np.float32(alpha) * (speed - self._speed)
            cutoff = self.min_cutoff + self.beta * np.abs(self._speed)
            self._value = self._value + _alpha(cutoff, seconds) * (values - self._value)
        self._scale = scale
        self._t_ns = t_ns
        self._raw = values.copy()
        return self._value.copy()


class LowPassFilter:
    """value += alpha x (new - value), with `alpha` in 0..1 a call."""

    def __init__(self, alpha: float) -> None:
        self.alpha = np.float32(alpha)
        self.reset()

    def reset(self) -> None:
        self._value: Floats | None = None

    def __call__(self, values: Floats) -> Floats:
        self._value = values if self._value is None else self._value + self.alpha * (values - self._value)
        return self._value.copy()


def _alpha(cutoff: Any, seconds: float) -> Any:
    turns = 2 * math.pi * seconds * cutoff
    return turns / (turns + 1)
