"""Installs a show as a systemd service, which restarts it if it ends unasked.

    python -m tools.service show.toml                        # of this user: starts when the user logs in
    python -m tools.service show.toml --print                # shows the unit alone
    python -m tools.service show.toml --system --user show   # prints a unit of the machine, for root

The show file is checked first. The service is not started; the printed next step does that. A unit of the
machine may write only to the show file's folders, which must exist.
"""

from __future__ import annotations

import argparse
import getpass
import os
import shutil
import string
import subprocess
import sys
from pathlib import Path

from realtime.config.outputs import Recorder
from realtime.config.show import ROOT, Show, ShowError, load_show

NAME = "dancecam.service"
TEMPLATES = Path(__file__).resolve().parent / "systemd"
FORBIDDEN = set("\"\\'\n\r\t$%")
"""Characters that systemd would interpret in a path."""


class ServiceError(ValueError):
    """A service that cannot be installed; one line, with the next step."""


def unit(show_file: Path, show: Show, *, system: bool = False, user: str = "") -> str:
    """The text of the unit. user: the account for a service of the machine. Raises ServiceError."""
    template = (TEMPLATES / ("system.service" if system else "user.service")).read_text(encoding="utf-8")
    words = {
        "root": ROOT,
        "python": Path(sys.executable),  # of the virtual environment, not its link's target
        "show": show_file.resolve(),
        "folder": show_file.resolve().parent,
    }
    texts = {name: _quoted(path) for name, path in words.items()}
    texts["folder"] = texts["folder"].strip('"')  # a whole line
    texts["root"] = texts["root"].strip('"')
    texts["writable"] = " ".join(_quoted(path) for path in writable(show)) or "/var/cache/dancecam"
    texts["user"] = user
    return string.Template(template).substitute(texts)


def writable(show: Show) -> list[Path]:
    """The folders to which a show writes."""
    folders = [output.folder for output in show.outputs if isinstance(output, Recorder)]
    folders += [show.control.log] if show.control.log is not None else []
    return list(dict.fromkeys(folder.resolve() for folder in folders))


def _quoted(path: Path) -> str:
    if FORBIDDEN & set(str(path)):
        raise ServiceError(f"{path}: systemd takes no quotes, $, % and \\ in it: use another folder")
    return f'"{path}"' if " " in str(path) else str(path)


def user_folder() -> Path:
    """The folder in which systemd looks for this user's units."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"


def install(text: str) -> Path:
    """Writes this user's unit, and tells systemd about it. Raises OSError."""
    path = user_folder() / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    if shutil.which("systemctl") is not None:
        subprocess.run(("systemctl", "--user", "daemon-reload"), capture_output=True, check=False, timeout=30)
    return path


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.service",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("show", type=Path, metavar="SHOW.toml")
    parser.add_argument("--system", action="store_true", help="a unit of the machine; it is printed")
    parser.add_argument(
        "--user", default=getpass.getuser(), help="whom it runs as, with --system (%(default)s)"
    )
    parser.add_argument("--print", action="store_true", help="write nothing")
    options = parser.parse_args(argv)
    try:
        show = load_show(options.show)
        if options.system and options.user == "root":
            raise ServiceError("a show must not run as root: name a user with --user")
        text = unit(options.show, show, system=options.system, user=options.user)
        if options.system or options.print:
            print(text, end="")
            return 0
        path = install(text)
    except (ShowError, ServiceError, OSError, subprocess.SubprocessError) as error:
        print(f"service: {error}", file=sys.stderr)
        return 1
    print(f"{path} is written")
    if show.control.token is None:
        print(
            "the show file has no token: each start makes its own, which journalctl --user -u dancecam tells"
        )
    print("start it:       systemctl --user start dancecam")
    print("with the login: systemctl --user enable dancecam")
    print(f"with the machine: loginctl enable-linger {getpass.getuser()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
