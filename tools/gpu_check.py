"""The command `python -m tools.gpu_check`: see `tools.benchmarking.gpu_check.__main__`."""

import sys

if __name__ == "__main__":
    from tools.benchmarking.gpu_check.__main__ import main

    sys.exit(main())
