"""The command `python -m tools.ablate`: see `tools.benchmarking.quality.ablate`."""

import sys

if __name__ == "__main__":
    from tools.benchmarking.quality.ablate import main

    sys.exit(main())
