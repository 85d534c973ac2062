"""Makes and reads the key pairs (CURVE) of a show on two machines: made once, copied to both.

    python -m realtime.transport.curve_keys show/keys

`performer.key` and `playout.key` are public: each machine needs both. Of the `.key_secret` files each machine
needs only its own.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import zmq
import zmq.auth
from zmq.auth.thread import ThreadAuthenticator

SIDES = ("performer", "playout")

EXAMPLES = """\
example:
  python -m realtime.transport.curve_keys show/keys     then `keys = "keys"` under [link] in show/show.toml
"""


class KeyFileError(ValueError):
    """Keys that cannot be used; the text names the file and the next step."""


def make_keys(folder: Path) -> list[Path]:
    """Writes both sides' key pairs, readable only by their owner. Raises KeyFileError where one exists
    already."""
    there = [path for side in SIDES for path in folder.glob(f"{side}.key*")]
    if there:
        raise KeyFileError(f"{there[0]} is there already: remove it first, on both machines")
    before = os.umask(0o077)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for side in SIDES:
            zmq.auth.create_certificates(folder, side)
    except OSError as error:
        raise KeyFileError(f"{folder}: keys cannot be written there ({error.strerror})") from error
    finally:
        os.umask(before)
    return sorted(folder.glob("*.key*"))


def public_key(folder: Path, side: str) -> bytes:
    """The public key of the other side. Raises KeyFileError."""
    return _load(folder / f"{side}.key")[0]


def key_pair(folder: Path, side: str) -> tuple[bytes, bytes]:
    """Our own (public, secret) keys. Raises KeyFileError, also where others could read the secret."""
    path = folder / f"{side}.key_secret"
    public, secret = _load(path)
    if secret is None:
        raise KeyFileError(
            f"{path} holds no secret key: make new keys with python -m realtime.transport.curve_keys"
        )
    if path.stat().st_mode & 0o077:
        raise KeyFileError(f"{path} can be read by others: chmod 600 {path}")
    return public, secret


def only_known(context: zmq.Context[zmq.Socket[bytes]], folder: Path) -> ThreadAuthenticator:
    """From now on only the two sides' keys may connect to sockets of this context. Stop it at the end."""
    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    authenticator.configure_curve(domain="*", location=folder)
    return authenticator


def _load(path: Path) -> tuple[bytes, bytes | None]:
    try:
        return zmq.auth.load_certificate(path)
    except (OSError, ValueError) as error:
        raise KeyFileError(
            f"{path} is no key that can be read: python -m realtime.transport.curve_keys makes keys, to be "
            "copied here"
        ) from error


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description="Makes the keys of a show on two machines.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="where the four files are written")
    folder = parser.parse_args(arguments).folder
    try:
        for path in make_keys(folder):
            print(path)
    except KeyFileError as error:
        print(f"keys: {error}", file=sys.stderr)
        return 2
    print("copy the folder to both machines; each may delete the other's .key_secret")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
