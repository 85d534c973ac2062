"""`run_live` with fakes in place of the networks and the player.

python -m tests.realtime.fake_live FOLDER [--keys] [flags of run_live]

--keys: it hears the terminal's keys; it is headless otherwise.
"""

import sys
from pathlib import Path

import run_live
from realtime.config.outputs import WebRtc
from tests.realtime.fakes import fake_nets, fake_show

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    flags = ["--report", str(folder / "report.json"), *sys.argv[2:]]
    options = run_live.parse([flag for flag in flags if flag != "--keys"])
    options.headless = "--keys" not in flags
    wanted = run_live.show_of(options)
    page = wanted.webrtc if options.port else WebRtc(port=0)
    changes = {"link": wanted.link, "control": wanted.control, "outputs": wanted.outputs, "webrtc": page}
    show, player = fake_show(folder, **changes)
    run_live.run(show, player, options, fake_nets, run_live.link_of(show, options.role))
