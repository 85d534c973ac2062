"""TABLE of the checks before a show, in this order."""

from __future__ import annotations

from typing import NamedTuple

from tools.doctor.cameras import look_at_cameras
from tools.doctor.certificates import look_at_certificates
from tools.doctor.computing import look_at_gpu, look_at_plans
from tools.doctor.duet import look_at_duet
from tools.doctor.machine import (
    look_at_clock,
    look_at_disk,
    look_at_fonts,
    look_at_inputs,
    look_at_shared_memory,
)
from tools.doctor.midi import look_at_midi
from tools.doctor.network import look_at_access, look_at_ndi, look_at_network, look_at_ports, look_at_stun
from tools.doctor.players import look_at_packs
from tools.doctor.runner import Look
from tools.doctor.tempo import look_at_tempo
from tools.doctor.venue import look_at_venue


class Check(NamedTuple):
    """deadline_s: the check is given up after this time. beside_show: whether it may run during a show."""

    look: Look
    deadline_s: float
    beside_show: bool = True


CHECKS: dict[str, Check] = {
    "camera": Check(look_at_cameras, 30.0),
    "venue": Check(look_at_venue, 5.0),
    "gpu": Check(look_at_gpu, 25.0),
    "packs": Check(look_at_packs, 30.0),
    "plans": Check(look_at_plans, 90.0, beside_show=False),
    "duet": Check(look_at_duet, 90.0, beside_show=False),
    "ports": Check(look_at_ports, 10.0, beside_show=False),
    "access": Check(look_at_access, 5.0),
    "network": Check(look_at_network, 5.0),
    "stun": Check(look_at_stun, 20.0),
    "ndi": Check(look_at_ndi, 5.0),
    "midi": Check(look_at_midi, 10.0),
    "tempo": Check(look_at_tempo, 10.0),
    "disk": Check(look_at_disk, 10.0),
    "signing": Check(look_at_certificates, 20.0),
    "inputs": Check(look_at_inputs, 10.0),
    "memory": Check(look_at_shared_memory, 10.0),
    "clock": Check(look_at_clock, 15.0),
    "fonts": Check(look_at_fonts, 20.0),
}
