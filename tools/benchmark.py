"""The command `python -m tools.benchmark`: see `tools.benchmarking.show.__main__`."""

import sys

if __name__ == "__main__":
    from tools.benchmarking.show.__main__ import main

    sys.exit(main())
