"""Checks the certificates with which the show's recordings are signed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from realtime.config.outputs import Recorder
from realtime.outputs.synthetic import CredentialsError, VideoSigner
from tools.doctor.finding import Case, Finding, fail, ok, warn

SOON = timedelta(days=30)
"""A certificate that ends within this time should be renewed."""


def look_at_certificates(case: Case) -> Iterator[Finding]:
    """One line for each recorder whose files are signed."""
    for output in case.show.outputs:
        if not isinstance(output, Recorder) or output.content_credentials is None:
            continue
        path = output.content_credentials.certificate
        try:
            ends = VideoSigner(output.content_credentials).valid_until
        except CredentialsError as error:
            yield fail(
                "signing",
                str(error),
                "mend it, or take content_credentials out of the show file",
            )
            continue
        found = f"{output.called} is signed with {path}, valid until {ends:%Y-%m-%d}"
        if ends - datetime.now(UTC) < SOON:
            yield warn("signing", found, "have it renewed")
        else:
            yield ok("signing", found)
