"""The command `python -m tools.smoothing`: see `tools.benchmarking.quality.smoothing`."""

import sys

if __name__ == "__main__":
    from tools.benchmarking.quality.smoothing import main

    sys.exit(main())
