"""The options of the tools that sign videos with Content Credentials."""

from __future__ import annotations

import argparse
from pathlib import Path

from pydantic import ValidationError

from realtime.config.outputs import ContentCredentials
from realtime.outputs.synthetic import CredentialsError


def add_certificate(parser: argparse.ArgumentParser) -> None:
    """Adds the options that `credentials_of` reads."""
    parser.add_argument(
        "--certificate", type=Path, metavar="PEM", help="the signer's certificate, then those that issued it"
    )
    parser.add_argument("--key", type=Path, metavar="PEM", help="the certificate's private key")
    parser.add_argument(
        "--timestamp-url",
        metavar="URL",
        help="a timestamp authority, so that the signature outlasts the certificate",
    )


def credentials_of(options: argparse.Namespace) -> ContentCredentials | None:
    """None where no certificate was given. Raises CredentialsError."""
    if options.certificate is None and options.key is None and options.timestamp_url is None:
        return None
    if options.certificate is None or options.key is None:
        raise CredentialsError("give both --certificate and --key")
    try:
        return ContentCredentials(
            certificate=options.certificate, key=options.key, timestamp_url=options.timestamp_url
        )
    except ValidationError as error:
        raise CredentialsError(
            f"--timestamp-url {options.timestamp_url}: write http://... or https://..."
        ) from error
