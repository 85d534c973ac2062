"""What a show's networks are exported as, and how an export is compared with eager torch."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor, nn

from engines.backends import openvino as openvino_runtime
from engines.backends.torch_eager import TorchEngine
from engines.build import verify
from engines.build.networks import show_exports
from engines.pack.player_pack import PlayerPack
from engines.plans.cache import Facts
from engines.plans.digest import network_digest
from engines.pose.tracking.tracker import PoseTracker
from engines.rendering.renderer import LayerRenderer, Renderer
from engines.runtime.engine import Tensors


@pytest.mark.parametrize("window", [0, -1])
def test_the_parity_of_a_generator_is_of_the_picture_that_comes_of_it(pack_folder: Path, window: int) -> None:
    export = show_exports(PlayerPack.load(pack_folder), "torch")[-1]
    exact, index = verify.eager(export), range(len(export.examples))[window]

    def changed(name: str, channel: int | slice, by: float) -> verify.Run:
        def run(inputs: Tensors) -> Tensors:
            outputs = {each: value.copy() for each, value in exact(inputs).items()}
            outputs[name][..., channel] += by
            return outputs

        return run

    assert verify.parity(export, index, "fp16", exact).value == pytest.approx(108.1, abs=0.1)
    wrong = {"outline": (3, -3.0), "tint": (slice(0, 3), 0.2)}
    for channel, by in wrong.values():
        assert (verify.parity(export, index, "fp16", changed("fields", channel, by)).value or 0) < 35
    assert (verify.parity(export, index, "fp16", changed("own", slice(0, 3), 0.5)).value or 0) < 35


@pytest.mark.parametrize("layered", [False, True])
def test_what_is_exported_is_what_the_show_compiles(
    layered: bool, pack_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = PlayerPack.load(pack_folder)
    compiled = {}

    def seen(module: nn.Module, examples: list[dict[str, Tensor]], outputs: list[str], *_: object) -> object:
        shapes = [{name: tuple(tensor.shape) for name, tensor in each.items()} for each in examples]
        compiled[network_digest(module)] = (shapes, list(outputs))
        return [TorchEngine(module, example, outputs) for example in examples]

    monkeypatch.setattr(openvino_runtime, "compile_openvino", seen)
    PoseTracker(backend="openvino")
    (LayerRenderer if layered else Renderer)(pack, backend="openvino")
    exported = {
        export.digest: (
            [export.shapes(index) for index in range(len(export.examples))],
            list(export.outputs),
        )
        for export in show_exports(pack, "openvino")
    }
    assert exported == compiled


def test_a_window_about_the_player_is_a_piece_of_the_picture(pack_folder: Path) -> None:
    pack = PlayerPack.load(pack_folder)
    (generator,) = [export for export in show_exports(pack, "tensorrt-rtx") if export.pose is None]
    sizes = [generator.examples[index]["doll"].shape[1:3] for index in range(len(generator.examples))]
    assert sizes[-1] == (128, 128)
    (whole,) = (next(verify._poses(generator, len(sizes) - 1)),)
    (piece,) = (next(verify._poses(generator, 0)),)
    for index, sample in ((len(sizes) - 1, whole), (0, piece)):
        shapes = {name: np.shape(array) for name, array in sample.inputs.items()}
        assert shapes == generator.shapes(index)
    moved = np.asarray(whole.inputs["landmarks"])[0, 0, :2] - np.asarray(piece.inputs["landmarks"])[0, 0, :2]
    x, y = moved.astype(int)
    assert x % 4 == y % 4 == 0
    there = whole.inputs["doll"][0, y : y + sizes[0][0], x : x + sizes[0][1]]
    np.testing.assert_array_equal(piece.inputs["doll"][0], there)
    assert there.any()
    facts = Facts(1.0, verify.not_measured(generator, "fp16", "no GPU"))
    assert str(dataclasses.replace(facts).parity) == "not measured (no GPU)"
