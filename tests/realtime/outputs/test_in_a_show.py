"""Outputs in a whole show, with fakes in place of the networks: several at once, one of them killed."""

import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

import av
import psutil

from realtime.config.outputs import Recorder, Stream
from realtime.supervise.supervisor import Supervisor
from tests.realtime.fakes import Heard, fake_nets, fake_show
from tests.realtime.outputs.feeding import wait_until


def outputs_of(supervisor: Supervisor) -> dict[str, dict]:
    """The last status of each output, by name."""
    return {output["name"]: output for output in supervisor._info("playout").get("outputs", ())}


def hosted(name: str) -> psutil.Process | None:
    for process in psutil.Process().children(recursive=True):
        try:
            if process.cmdline()[:1] == [f"dancecam output {name}"]:
                return process
        except psutil.Error:
            continue
    return None


def test_a_recorder_and_a_stream_beside_each_other_and_the_stream_is_killed(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        url = f"udp://127.0.0.1:{free.getsockname()[1]}"
        folder = tmp_path / "takes"
        show, player = fake_show(
            tmp_path,
            outputs=(
                Recorder(kind="recorder", folder=folder, bitrate=1_000_000),
                Stream(kind="stream", url=url, bitrate=1_000_000),
            ),
        )
        supervisor = Supervisor(show, player, fake_nets, Heard())
        errors: list[BaseException] = []

        def steps() -> None:
            try:
                wait_until(
                    lambda: outputs_of(supervisor).get("stream", {}).get("sent", 0) > 10, "a stream", 40
                )
                assert outputs_of(supervisor)["recorder"]["state"] == "off"
                assert not folder.exists()  # nothing is stored before the operator records
                supervisor.act("record")
                wait_until(lambda: outputs_of(supervisor)["recorder"]["sent"] > 20, "a recording", 30)
                process = hosted("stream")
                assert process is not None
                os.kill(process.pid, signal.SIGKILL)
                wait_until(
                    lambda: outputs_of(supervisor)["stream"]["state"] == "failed", "its failure is told"
                )
                before = outputs_of(supervisor)["recorder"]["sent"]
                wait_until(lambda: outputs_of(supervisor)["stream"]["state"] == "running", "it is back", 30)
                wait_until(lambda: outputs_of(supervisor)["recorder"]["sent"] > before, "the other goes on")
                supervisor.act("record")
                wait_until(lambda: outputs_of(supervisor)["recorder"]["state"] == "off", "the recording ends")
            except BaseException as error:
                errors.append(error)
                raise
            finally:
                supervisor.stop()

        worker = threading.Thread(target=steps)
        worker.start()
        supervisor.run()
        worker.join()
    assert not errors
    (path,) = folder.iterdir()
    with av.open(str(path)) as file:
        assert sum(1 for _ in file.decode(video=0)) > 20
    deadline = time.monotonic() + 5
    while hosted("stream") or hosted("recorder"):
        assert time.monotonic() < deadline, "a process outlived the show"
        time.sleep(0.05)
    report = supervisor.report()
    assert json.dumps(report)
    assert report["restarts"] == {}
