"""Signs what a show has recorded with Content Credentials, once the show has ended."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from realtime.config.outputs import Recorder
from realtime.config.show import Show
from realtime.outputs.recording import recordings_of
from realtime.outputs.synthetic import VideoSigner, sign_all
from realtime.supervise.signals import SIGNALS

Signers = Sequence[tuple[Recorder, VideoSigner]]


def signers_of(show: Show) -> Signers:
    """The recorders whose files are signed once the show has ended. Raises CredentialsError."""
    return [
        (output, VideoSigner(output.content_credentials))
        for output in show.outputs
        if isinstance(output, Recorder) and output.content_credentials is not None
    ]


def written(signers: Signers) -> dict[Path, int]:
    """The recordings that are there, with when each was changed last."""
    paths = [path for recorder, _ in signers for path in recordings_of(recorder)]
    return {path: path.stat().st_mtime_ns for path in paths}


def sign_recordings(signers: Signers, before: Mapping[Path, int], show: Path) -> int:
    """Signs what the show has recorded, after it, so that it takes nothing from it; the exit status.

    Only where somebody sees it and may end it with Ctrl-C. A service is to end within seconds. before: what
    `written` returned before the show. show: the show file.
    """
    new = {path for path, changed_ns in written(signers).items() if before.get(path) != changed_ns}
    if not new:
        return 0
    later = f"sign them with: python -m tools.sign {show}"
    if not sys.stdout.isatty():
        with contextlib.suppress(OSError):  # who has read it may be gone
            print(f"recordings that are not signed yet: {len(new)}; {later}", flush=True)
        return 0
    failed = 0
    try:
        for number in SIGNALS:
            signal.signal(number, signal.default_int_handler)
        for recorder, signer in signers:
            failed += sign_all([path for path in recordings_of(recorder) if path in new], signer, print)
    except KeyboardInterrupt:
        print(f"run_live: not all recordings are signed; {later}", file=sys.stderr)
        sys.stdout.flush()
        os._exit(0)  # at once: a thread may still be signing
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # nothing is left to be ended
    return 1 if failed else 0
