"""Units of time: all times are counted in nanoseconds, as Python's monotonic clock tells them."""

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
