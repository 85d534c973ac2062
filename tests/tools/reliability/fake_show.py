"""`tools.reliability.trial_show.show` with fakes in place of the networks.

python -m tests.tools.reliability.fake_show FOLDER
"""

import sys

from tests.realtime.fakes import fake_nets
from tools.reliability.trial_show.show import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], fake_nets))
