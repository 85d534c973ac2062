"""Units of time. All times are nanoseconds of Python's monotonic clock."""

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
