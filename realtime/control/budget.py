"""How often something may be done: so many at once, and so many a second. Pure: time is an argument."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field


@dataclass
class Budget:
    """Fills up evenly, and holds at most `most`. Time: seconds of any clock that only rises."""

    most: float
    per_s: float
    left: float = field(init=False)
    _at_s: float | None = None

    def __post_init__(self) -> None:
        self.left = self.most

    def has(self, n: float, now_s: float) -> bool:
        """Whether n are left."""
        if self._at_s is not None:
            self.left = min(self.most, self.left + (now_s - self._at_s) * self.per_s)
        self._at_s = now_s
        return self.left >= n

    def take(self, n: float, now_s: float) -> bool:
        """Takes n, where they are left."""
        if not self.has(n, now_s):
            return False
        self.left -= n
        return True


class Budgets:
    """One for each of many names; the one that was longest not asked for is forgotten first."""

    def __init__(self, most: float, per_s: float, names: int) -> None:
        """names: how many are remembered."""
        self._most, self._per_s, self._names = most, per_s, names
        self._budgets: OrderedDict[str, Budget] = OrderedDict()

    def of(self, name: str) -> Budget:
        """This name's; a full one where there is none yet."""
        budget = self._budgets.setdefault(name, Budget(self._most, self._per_s))
        self._budgets.move_to_end(name)
        if len(self._budgets) > self._names:
            self._budgets.popitem(last=False)
        return budget
