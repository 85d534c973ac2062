"""Makes finished videos of the player dancing as in any video, with that video's rate, frames and sound.

There are two passes: the first finds the dancer in every frame, the second paints the player. In between, the
dance is smoothed with a look ahead, and the dancer's body is measured over the whole video. When nobody is in
the frame, the player keeps the last pose for a quarter of a second; then the scene is empty.

The output's ending decides its format: .mp4 and .mkv are H.264 over the player's own plate; .mov (ProRes
4444) and .webm (VP9) hold the player alone over transparency, straight, for editors and web pages, unless
--plate or --side-by-side is given. The player's shadow is drawn only on the player's own plate.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.footage.certificate import add_certificate, credentials_of
from tools.footage.landmark_net import LandmarkNetError, add_option, choose_net

EXAMPLES = """\
examples:
  python -m tools.synthesize --player players/demo --source assets/fan_dance.mp4 --output out.mp4
  python -m tools.synthesize --player players/demo --source fan.mov --output out.mp4 --side-by-side
  python -m tools.synthesize --player players/demo --source selfie.mp4 --output out.mp4 --mirror
  python -m tools.synthesize --player players/demo --source fan.mp4 --output out.mp4 --plate arena.jpg
  python -m tools.synthesize --player players/demo --source fan.mp4 --output alone.mov
  python -m tools.synthesize --player players/demo --source fans/ --output finished/ --ending .webm
  python -m tools.synthesize --player players/demo --source fan.mp4 --output out.mp4 \\
    --certificate chain.pem --key key.pem      (signed with Content Credentials)
"""
STOPPED = 130
"""The exit code after Ctrl-C, as in shells."""


def main(argv: Sequence[str] | None = None) -> int:
    try:
        return run(arguments().parse_args(argv))
    except KeyboardInterrupt:
        print("\nsynthesize: stopped; what was not finished was not written", file=sys.stderr)
        return STOPPED


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.synthesize",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--player", type=Path, required=True, metavar="FOLDER", help="the player pack")
    parser.add_argument(
        "--source", type=Path, required=True, metavar="VIDEO", help="whose dance it is; or a folder of videos"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="OUT.mp4", help="replaced once whole; or a folder"
    )
    parser.add_argument(
        "--side-by-side", action="store_true", help="source, stick figure and player in a row"
    )
    parser.add_argument("--mirror", action="store_true", help="left and right as in a mirror")
    parser.add_argument(
        "--plate", type=Path, metavar="FILE", help="a picture or a video, which loops, behind the player"
    )
    parser.add_argument(
        "--crf", type=int, metavar="N",
        help="the quality: 0 is the best, H.264 goes to 51 (default 18), VP9 to 63 (default 20)",
    )  # fmt: skip
    parser.add_argument(
        "--ending",
        default=".mp4",
        metavar=".mp4",
        help="the results' format, of a folder (default %(default)s)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="of a folder: make again what is there already"
    )
    parser.add_argument(
        "--keep-poses", action="store_true", help="keep the poses found beside the output, for another run"
    )
    add_option(parser)
    add_certificate(parser)
    parser.add_argument("--backend", default="auto", help="auto, openvino or torch (default %(default)s)")
    return parser


def run(options: argparse.Namespace) -> int:
    """Returns the exit code."""
    # Only here: importing torch takes seconds, for which --help should not wait, and during which Ctrl-C may
    # come.
    from engines.pack.player_pack import PackError, PlayerPack
    from engines.pose.tflite_graph import GraphError
    from engines.runtime.engine import EngineError
    from realtime.outputs.synthetic import CredentialsError, VideoSigner
    from tools.dance.dance import SynthesisError
    from tools.footage.video import VideoError
    from tools.synthesize.batch import make_all, plan
    from tools.synthesize.job import Look, Synthesizer

    logging.basicConfig(level=logging.WARNING)
    errors = (
        VideoError,
        EngineError,
        SynthesisError,
        LandmarkNetError,
        GraphError,
        CredentialsError,
        OSError,
    )
    try:
        pack = PlayerPack.load(options.player)
        look = Look(options.side_by_side, options.mirror, options.plate, options.crf)
        net = choose_net(options.landmarks)
        credentials = credentials_of(options)
        make = Synthesizer(
            pack,
            look,
            backend=options.backend,
            net=net,
            keep_poses=options.keep_poses,
            signer=None if credentials is None else VideoSigner(credentials),
        )
        if not options.source.is_dir():
            print(make(options.source, options.output))
            return 0
        jobs = plan(options.source, options.output, options.ending)
        options.output.mkdir(exist_ok=True)
        failed = make_all(jobs, make, overwrite=options.overwrite, say=print, errors=errors)
        return 1 if failed else 0
    except (PackError, *errors) as error:
        print(f"synthesize: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    code = main()
    if code == STOPPED:
        # At once: threads of the networks' runtimes that are still working can crash an interpreter that ends
        # in order, and Python would end itself by SIGINT where the interrupt came out of exec().
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
