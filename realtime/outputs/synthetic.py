"""What a video says of its origin: that a machine made it.

Players look into different places, so it is said in three: the container's comment, a tag with IPTC's digital
source type, and in MP4 an XMP packet, where tools for provenance look.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping
from pathlib import Path

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
