"""Checks whether a vulnerability is known in any package of requirements.lock: `make audit`.

pip-audit asks PyPI. If PyPI cannot be reached, or a mirror lacks the data, one line says so, and nothing
fails. Exit status: 1 where a vulnerability is known.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
OPTIONS = ("--no-deps", "--disable-pip", "--format=json", "--progress-spinner=off", "--timeout=10")
LONGEST_S = 300


def judge(dependencies: Sequence[dict[str, Any]]) -> tuple[int, list[str]]:
    """The exit status and the lines to print for pip-audit's list."""
    skipped = [each for each in dependencies if "skip_reason" in each]
    audited = len(dependencies) - len(skipped)
    if not audited:
        return 0, ["nothing was audited: this package index has no data on vulnerabilities"]
    found = [
        f"{each['name']} {each['version']}: {', '.join((known['id'], *known.get('aliases', ())))}; fixed in "
        f"{', '.join(known['fix_versions']) or 'no version yet'}"
        for each in dependencies
        for known in each.get("vulns", ())
    ]
    more = f", {len(skipped)} are not known there" if skipped else ""
    total = f"known vulnerabilities: {len(found)}, in {audited} packages{more}"
    return int(bool(found)), [*found, total]


def main(argv: list[str] | None = None) -> int:
    """argv: pip-audit's command, which may be in another environment."""
    command = argv if argv is not None else sys.argv[1:]
    try:
        done = subprocess.run(
            [*command, "-r", str(LOCK), *OPTIONS],
            capture_output=True, encoding="utf-8", timeout=LONGEST_S, check=False,
        )  # fmt: skip
        dependencies = json.loads(done.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        print(f"audit: nothing was audited: pip-audit reached nobody ({type(error).__name__})")
        return 0
    status, lines = judge(dependencies)
    print("\n".join(f"audit: {line}" for line in lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
