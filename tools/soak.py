"""The command `python -m tools.soak`: see `tools.reliability.soak`."""

import sys

if __name__ == "__main__":
    from tools.reliability.soak import main

    sys.exit(main())
