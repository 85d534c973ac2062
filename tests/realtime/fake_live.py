"""`run_live` with fakes in place of the networks and the player.

python -m tests.realtime.fake_live FOLDER [flags of run_live]
"""

import sys
from pathlib import Path

import run_live
from tests.realtime.fakes import fake_nets, fake_show

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    options = run_live.parse(["--headless", "--report", str(folder / "report.json"), *sys.argv[2:]])
    show, player = fake_show(folder, link=run_live.show_of(options).link)
    run_live.run(show, player, options, fake_nets, run_live.link_of(show, options.role))
