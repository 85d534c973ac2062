"""What a video says of its origin: that a machine made it, and with a certificate, who says so.

Players look into different places, so it is said in three: the container's comment, a tag with IPTC's digital
source type, and in MP4 an XMP packet, where tools for provenance look. All these can be changed by anybody.
Content Credentials (C2PA) are signed: whoever changes the video breaks the signature. Their package,
c2pa-python, is optional, and needed only where a certificate is given.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import cv2
import numpy as np

from realtime.config.outputs import ContentCredentials
from realtime.outputs.disk import FREE_BYTES, free_bytes

P = ParamSpec("P")
Result = TypeVar("Result")

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic"
"""IPTC's NewsCodes: a composite of several elements, at least one of them synthetic. The player's picture is
made by a network, the scene and the sound may be filmed."""

COMMENT = "AI-generated: the player's picture was made by a machine."

TAGS: Mapping[str, str] = {"comment": COMMENT, "digital_source_type": SOURCE_TYPE}
"""For containers that hold any tag (Matroska, WebM, FLV); MP4 holds the comment alone, and XMP."""

SERVICE: Mapping[str, str] = {"service_provider": "Dancecam", "service_name": "AI-generated"}
"""For MPEG-TS, which has no other tags."""

XMP_UUID = uuid.UUID("be7acfcb-97a9-42e8-9c71-999491e3afac")
"""ISO 16684-3, where an ISO base media file has its XMP."""

XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}">
   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">{COMMENT}</rdf:li></rdf:Alt></dc:description>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


def append_xmp(path: Path) -> None:
    """Adds the packet to a whole MP4 or MOV, as its last box. Raises OSError."""
    packet = XMP.encode()
    with path.open("ab") as file:
        file.write(struct.pack(">I4s", 8 + 16 + len(packet), b"uuid") + XMP_UUID.bytes + packet)


SIGNED_ENDINGS = (".mp4", ".mov")
"""The videos that can hold Content Credentials: Matroska, WebM and streams cannot."""

INSTALL_C2PA = "install it with: pip install c2pa-python==0.38.1"


MANIFEST: Mapping[str, Any] = {
    "claim_generator_info": [{"name": "Dancecam"}],
    "assertions": [
        {
            "label": "c2pa.actions.v2",
            "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE}]},
        }
    ],
}
"""What Content Credentials say, in C2PA's words."""


class CredentialsError(Exception):
    """Why nothing can be signed; one line that names the file."""


class VideoSigner:
    """Signs with one certificate. valid_until: its last moment. It may be used by several threads.

    Raises CredentialsError where the package is missing, a file cannot be read, or C2PA does not accept the
    certificate: a small picture is signed as a trial, without the timestamp authority.
    """

    def __init__(self, settings: ContentCredentials) -> None:
        self._settings = settings
        try:
            import c2pa
        except ImportError as error:
            raise CredentialsError(
                f"Content Credentials need the package c2pa-python: {INSTALL_C2PA}"
            ) from error
        except (OSError, RuntimeError) as error:  # its library is not for this machine
            raise CredentialsError(f"c2pa-python does not work here: {_why(error)}") from error
        self._c2pa = c2pa
        self._chain, self._key = _read(settings.certificate), _read(settings.key)
        self._algorithm, self.valid_until = _checked(settings, self._chain, self._key)
        picture = io.BytesIO(cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))[1].tobytes())
        try:
            with self._builder("trial") as builder, self._signer(timestamp_url=None) as signer:
                builder.sign(signer, "image/jpeg", picture, io.BytesIO())
        except c2pa.C2paError as error:
            raise CredentialsError(
                f"C2PA does not accept the certificate {settings.certificate}: {_why(error)}"
            ) from error

    def sign(self, video: Path) -> None:
        """Signs a video that is whole, in its place; it stays as it is where that fails or is interrupted.

        Takes about as long as copying it, and as much room beside it. Ctrl-C is heard meanwhile: a thread
        then works on until the process ends, so end it by `os._exit`. Raises CredentialsError.
        """
        part = video.with_name(f".{video.stem}.part{video.suffix}")
        try:
            before = video.stat()
            if free_bytes(video.parent) < FREE_BYTES + before.st_size:
                raise CredentialsError(f"{video} was not signed: the disk has no room for a copy of it")
            part.unlink(missing_ok=True)
            part.touch(mode=0o600)
            _interruptible(self._write_signed, video, part)
            after = video.stat()
            if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                raise CredentialsError(f"{video} was not signed: somebody is writing it")
            shutil.copymode(video, part)
            _put_on_disk(part)
            part.replace(video)
            _put_on_disk(video.parent)
        except (self._c2pa.C2paError, OSError) as error:
            raise CredentialsError(f"{video} was not signed: {_why(error)}") from error
        finally:
            part.unlink(missing_ok=True)

    def is_signed(self, video: Path) -> bool:
        """Whether a video has Content Credentials, ours or others'. Raises CredentialsError where they
        cannot be read, or it was changed since."""
        try:
            with self._c2pa.Reader(video) as reader:
                state = reader.get_validation_state()
        except self._c2pa.C2paError.ManifestNotFound:
            return False
        except (self._c2pa.C2paError, OSError) as error:
            why = _why(error)
            raise CredentialsError(f"{video}: its Content Credentials cannot be read: {why}") from error
        if state == "Invalid":
            raise CredentialsError(f"{video} was changed since it was signed")
        return True

    def _write_signed(self, video: Path, part: Path) -> None:
        with self._builder(video.name) as builder, self._signer(self._settings.timestamp_url) as signer:
            builder.sign_file(video, part, signer)

    def _builder(self, title: str) -> Any:
        return self._c2pa.Builder(json.dumps({"title": title, **MANIFEST}))

    def _signer(self, timestamp_url: str | None) -> Any:
        url = timestamp_url and timestamp_url.encode()
        info = self._c2pa.C2paSignerInfo(self._algorithm.encode(), self._chain, self._key, url or None)
        return self._c2pa.Signer.from_info(info)


def sign_all(videos: Iterable[Path], signer: VideoSigner, report: Callable[[str], None]) -> int:
    """Signs those that are not signed yet, one after the other, with lines that say so; how many failed.
    KeyboardInterrupt: see `VideoSigner.sign`."""
    failed = 0
    for video in videos:
        try:
            if _interruptible(signer.is_signed, video):
                report(f"{video} is signed already")
                continue
            report(f"signing {video} ({video.stat().st_size / 1e6:.0f} MB)")
            started_s = time.monotonic()
            signer.sign(video)
            report(f"{video} was signed in {time.monotonic() - started_s:.0f} s")
        except CredentialsError as error:
            failed += 1
            report(str(error))
    return failed


def _interruptible(work: Callable[P, Result], *given: P.args, **named: P.kwargs) -> Result:
    """What it returns or raises. It is called in another thread: native code hears no Ctrl-C."""
    result: Future[Result] = Future()

    def run() -> None:
        try:
            result.set_result(work(*given, **named))
        except Exception as error:  # noqa: BLE001  # raised again below
            result.set_exception(error)

    threading.Thread(target=run, name="signing", daemon=True).start()
    return result.result()


def _put_on_disk(path: Path) -> None:
    """What was written to a file, or which files a folder has, survives a power cut."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _why(error: Exception) -> str:
    """One line."""
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or " ".join(str(error).split())


def _read(path: Path) -> bytes:
    """Raises CredentialsError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CredentialsError(f"{path} cannot be read: {error.strerror}") from error


def _checked(settings: ContentCredentials, chain: bytes, key: bytes) -> tuple[str, datetime]:
    """C2PA's name of what the key signs with, and until when the certificate is valid. Raises
    CredentialsError where others can read the key, the two files do not fit, or the certificate is not valid
    today."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificates

    if settings.key.stat().st_mode & 0o077:
        raise CredentialsError(f"{settings.key} can be read by others: chmod 600 {settings.key}")
    try:
        certificate = load_pem_x509_certificates(chain)[0]
        public = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CredentialsError(f"{settings.certificate} holds no certificate in PEM") from error
    try:
        private = load_pem_private_key(key, None)
    except TypeError as error:
        raise CredentialsError(f"{settings.key} has a password: write it without one") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CredentialsError(f"{settings.key} holds no private key in PEM") from error
    if private.public_key() != public:
        raise CredentialsError(f"{settings.key} is not the key of {settings.certificate}")
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begins <= datetime.now(UTC) <= ends:
        raise CredentialsError(
            f"{settings.certificate} is valid from {begins:%Y-%m-%d} to {ends:%Y-%m-%d} only"
        )
    match private:
        case ec.EllipticCurvePrivateKey(key_size=256 | 384 | 521 as bits):
            return {256: "es256", 384: "es384", 521: "es512"}[bits], ends
        case ed25519.Ed25519PrivateKey():
            return "ed25519", ends
        case rsa.RSAPrivateKey():
            return "ps256", ends
    raise CredentialsError(f"{settings.key}: C2PA signs with P-256, P-384, P-521, Ed25519 and RSA only")
