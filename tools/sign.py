"""Signs videos with Content Credentials (C2PA), in their place: that a machine made them, and who says so.

    python -m tools.sign show.toml                # the recordings of its recorders, with its certificate
    python -m tools.sign clip.mp4 --certificate chain.pem --key key.pem
    python -m tools.sign recordings/*.mp4 --certificate chain.pem --key key.pem \\
        --timestamp-url http://timestamp.example.org

Videos must be MP4 or MOV. What is signed already is left as it is, and so is what is being written. Make a
recording that was cut off whole first: python -m tools.repair. It needs the package c2pa-python.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from realtime.config.outputs import ContentCredentials, Recorder
from realtime.config.show import ShowError, load_show
from realtime.outputs.recording import recordings_of
from realtime.outputs.synthetic import SIGNED_ENDINGS, CredentialsError, VideoSigner, sign_all
from tools.footage.certificate import add_certificate, credentials_of

IN_USE_S = 10.0
"""A file that was written to within this time is left alone: a recorder writes each second."""

STOPPED = 130
"""The exit code after Ctrl-C, as in shells."""


def jobs_of(
    files: Sequence[Path], given: ContentCredentials | None
) -> Iterator[tuple[list[Path], ContentCredentials]]:
    """The videos to sign, and with what. Raises CredentialsError, ShowError."""
    videos = [path for path in files if path.suffix.lower() != ".toml"]
    for video in videos:
        if video.suffix.lower() not in SIGNED_ENDINGS:
            raise CredentialsError(f"{video}: only {' and '.join(SIGNED_ENDINGS)} hold Content Credentials")
        if not video.is_file():
            raise CredentialsError(f"{video}: no such file")
        if _is_in_use(video):
            raise CredentialsError(f"{video} was written just now: try again in {IN_USE_S:.0f} s")
    if videos and given is None:
        raise CredentialsError("give --certificate and --key")
    if videos and given is not None:
        yield videos, given
    for path in files:
        if path.suffix.lower() == ".toml":
            yield from _recordings(path, given)


def _recordings(
    show: Path, given: ContentCredentials | None
) -> Iterator[tuple[list[Path], ContentCredentials]]:
    found = False
    for output in load_show(show).outputs:
        if isinstance(output, Recorder) and output.container == "mp4":
            credentials = given or output.content_credentials
            if credentials is not None:
                found = True
                yield [path for path in recordings_of(output) if not _is_in_use(path)], credentials
    if not found:
        raise CredentialsError(f"{show} has no recorder of MP4 with content_credentials")


def _is_in_use(video: Path) -> bool:
    return time.time() - video.stat().st_mtime < IN_USE_S


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.sign", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="videos, or show files")
    add_certificate(parser)
    options = parser.parse_args(argv)
    try:
        jobs = list(jobs_of(options.files, credentials_of(options)))
        signers = [VideoSigner(credentials) for _, credentials in jobs]
        failed = sum(
            sign_all(videos, signer, print) for (videos, _), signer in zip(jobs, signers, strict=True)
        )
    except (CredentialsError, ShowError) as error:
        print(f"sign: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsign: stopped; the last video stays as it was", file=sys.stderr)
        return STOPPED
    return 1 if failed else 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    if code == STOPPED:
        os._exit(code)  # at once: a thread may still be signing
    sys.exit(code)
