"""`python -m tools.card`: the operator's card, and docs/alarms.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from realtime.config.show import Show, ShowError, load_show
from realtime.control.keys import KeyConflict, Keymap
from tools.card.alarms_page import alarms_page
from tools.card.content import card_of

EXAMPLES = """\
examples:
  python -m tools.card --out card.pdf                       the keys of a show without a show file
  python -m tools.card --out card.pdf --config show.toml    the keys and layers of this show
  python -m tools.card --out card.pdf --paper letter
  python -m tools.card --alarms docs/alarms.md              the page of all alarms
"""


def main(arguments: list[str]) -> int:
    """Exit status: 0, or 2 with one line where it cannot be made."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.card",
        description="The operator's card: keys, states, and what to press when something is wrong; one page.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the card here (PDF)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="a show file: its keys and layers")
    parser.add_argument("--paper", choices=("a4", "letter"), default="a4", help="it lies (default: a4)")
    parser.add_argument(
        "--alarms", type=Path, metavar="FILE", help="write the page of all alarms here (Markdown)"
    )
    options = parser.parse_args(arguments)
    if options.out is None and options.alarms is None:
        parser.error("say where to: --out card.pdf")
    try:
        show = Show() if options.config is None else load_show(options.config)
        keys = Keymap(show.keys).of
        if options.out is not None:
            from tools.card.layout import lay_out  # Matplotlib takes a second
            from tools.card.page import SIZES_PT

            layers = [layer.name for layer in show.layers if not layer.locked]
            title = "" if options.config is None else options.config.stem
            page = lay_out(card_of(keys, layers, title), SIZES_PT[options.paper])
            page.save(options.out, "Dancecam: the operator's card")
        if options.alarms is not None:
            options.alarms.write_text(alarms_page(keys), encoding="utf-8")
    except (ShowError, ValueError, OSError) as error:
        where = f"{options.config}: keys: " if isinstance(error, KeyConflict) else ""
        print(f"card: {where}{error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
