"""What is made of pip-audit's answer: a known vulnerability fails, an index without data does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tools import audit

FINE = {"name": "torch", "version": "2.13.0", "vulns": []}
SKIPPED = {"name": "av", "skip_reason": "Dependency not found on PyPI and could not be audited: av (18.1.0)"}
BAD = {
    "name": "aiohttp",
    "version": "3.14.5",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["3.14.6"], "description": "bad"}],
}


@pytest.mark.parametrize(
    ("dependencies", "status", "lines"),
    [
        ([SKIPPED, SKIPPED], 0, ["nothing was audited: this package index has no data on vulnerabilities"]),
        (
            [FINE, SKIPPED],
            0,
            ["known vulnerabilities: 0, in 1 packages, 1 are not known there"],
        ),
        (
            [FINE, BAD],
            1,
            [
                "aiohttp 3.14.5: PYSEC-1, CVE-1; fixed in 3.14.6",
                "known vulnerabilities: 1, in 2 packages",
            ],
        ),
    ],
)
def test_judging(dependencies: list[dict[str, Any]], status: int, lines: list[str]) -> None:
    assert audit.judge(dependencies) == (status, lines)


@pytest.mark.parametrize(
    ("program", "status", "words"),
    [
        (f"echo '{json.dumps({'dependencies': [BAD]})}'; exit 1", 1, "PYSEC-1"),
        ("echo no connection >&2; exit 1", 0, "nothing was audited"),
        ("echo '[]'", 0, "nothing was audited"),
    ],
)
def test_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], program: str, status: int, words: str
) -> None:
    command = tmp_path / "pip-audit"
    command.write_text(f"#!/bin/sh\n{program}\n", encoding="utf-8")
    command.chmod(0o755)
    assert audit.main([str(command)]) == status
    assert words in capsys.readouterr().out


def test_a_program_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["/none/pip-audit"]) == 0
    assert capsys.readouterr().out.count("\n") == 1
