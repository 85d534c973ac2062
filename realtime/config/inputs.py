"""What `run_live.py --record-inputs` keeps of a rehearsal."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from realtime.config.fields import Rate, ShowPath, StrictModel

INPUTS = "inputs"
"""Kind and name of the recorder of inputs, which counts as an output."""

Side = Annotated[int, Field(ge=64, le=4320)]


class RecordInputs(StrictModel):
    """A flag's settings: a show file cannot have them, so that nothing is kept unless somebody asks for it
    at each start."""

    folder: ShowPath
    """The folder of the recording: a new one, or an empty one."""
    fps: Rate | None = None
    """The most pictures a second of the camera that are kept; by default all."""
    size: tuple[Side, Side] = (1280, 720)
    """Width and height, pixels: larger pictures of the camera are kept smaller, so that they fit."""
    camera: bool = True
    """Whether the camera's pictures are kept. A replay keeps only what went on air."""
    programme_fps: Rate | None = None
    """The most small pictures a second of the programme that are kept; by default 5. A replay keeps all."""

    @property
    def samples_fps(self) -> float:
        """Pictures a second of the programme."""
        return 5.0 if self.programme_fps is None else float(self.programme_fps)
