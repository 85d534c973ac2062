"""Checks the show's players: whether their packs are whole, how old they are, and whether they may be
shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from engines.pack.manifest import MANIFEST, PackError, PackManifest
from tools.doctor.finding import Case, Finding, fail, ok, warn


def look_at_packs(case: Case) -> Iterator[Finding]:
    """One line for each player."""
    today = datetime.now().date()
    packs = []
    for folder in case.show.packs:
        try:
            pack = PackManifest.load(folder)
            written = date.fromtimestamp((folder / MANIFEST).stat().st_mtime)
        except (PackError, OSError) as error:
            yield fail("packs", str(error), "copy the pack again, or make it anew with tools.train")
            continue
        packs.append(pack)
        yield judge_pack(pack, written, today, allow_expired=case.show.allow_expired)
    sizes = {pack.name: "{}x{}".format(*pack.size) for pack in packs}
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{name} is {size}" for name, size in sizes.items())
        yield fail("packs", found, "a show switches between players of one size")


def judge_pack(pack: PackManifest, written: date, today: date, *, allow_expired: bool) -> Finding:
    """written: the date of the manifest."""
    found = f"{pack.name}: {pack.size[0]}x{pack.size[1]}, whole, {pack.digest[:12]}, of {written.isoformat()}"
    if pack.rights is None:
        return warn(
            "packs",
            f"{found}; nobody wrote down who agreed to the likeness",
            f"python -m tools.rights {pack.folder} --agreed-by ... --agreed-for ... --agreed-until ...",
        )
    renew = f"python -m tools.rights {pack.folder} --agreed-until DATE"
    expiry = pack.rights.expiry(pack.name, today)
    if expiry:
        how = warn if allow_expired else fail
        return how("packs", f"{found}; {expiry}", renew)
    found = f"{found}; agreed by {pack.rights.agreed_by} until {pack.rights.until.isoformat()}"
    if pack.rights.is_near(today):
        return warn("packs", f"{found}: {pack.rights.days_left(today)} days left", renew)
    return ok("packs", found)
