"""Puts a fault into the show that runs on this machine, and takes it back.

    python -m tools.inject_fault                          lists the faults
    python -m tools.inject_fault performer-killed
    python -m tools.inject_fault camera-black --seconds 20
    python -m tools.inject_fault client-never-reads --token TOKEN

The show is found by the names of its processes. Those of another user need root. What is wrong with a camera
or with networks needs a show that was started by tools.soak, which has stand-ins for them.
docs/reliability.md says what a show makes of each fault.
"""

from __future__ import annotations

import argparse
import sys
import time


def main(arguments: list[str] | None = None) -> int:
    """Exit status 1 where the fault cannot be put in, 2 where there is no such one."""
    import psutil

    from tools.reliability.faults import FAULTS
    from tools.reliability.trial_show.running import NoShow, find

    parser = argparse.ArgumentParser(
        prog="python -m tools.inject_fault",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("fault", nargs="?", metavar="NAME", help="which; without it they are listed")
    parser.add_argument("--seconds", type=float, metavar="S", help="how long (default: the table's)")
    parser.add_argument("--pid", type=int, help="of run_live.py, where several shows run")
    parser.add_argument("--token", default="", help="of the show's API, for faults that need it")
    options = parser.parse_args(arguments)
    if options.fault is None:
        for name, fault in FAULTS.items():
            print(f"{name:22} {fault.help}{f', for {fault.seconds:g} s' if fault.seconds else ''}")
        return 0
    if options.fault not in FAULTS:
        print(
            f"inject_fault: there is no fault {options.fault!r}: without a name they are listed",
            file=sys.stderr,
        )
        return 2
    fault = FAULTS[options.fault]
    try:
        with fault.inject(find(options.pid, options.token)):
            time.sleep(fault.seconds if options.seconds is None else options.seconds)
    except (NoShow, OSError, psutil.Error) as error:
        print(f"inject_fault: {error}", file=sys.stderr)
        return 1
    print(f"{fault.name}: done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
