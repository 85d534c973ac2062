"""The nets as torch modules: the same numbers as another reader of the same files, and good citizens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engines.pose.convert import NETS, WEIGHTS, load_net
from engines.pose.tflite_graph import GraphError

# Of the mask's logits, which reach 1500: float32 sums of them differ by 1.5 from one CPU to another.
TOLERANCE = {"mask": 2.0, "boxes": 2e-3, "scores": 2e-3, "landmarks": 0.02}
"""Absolute, by output: the mask reaches 1500, boxes, scores and landmarks hundreds. Others: 1e-3. Each
CPU adds up in an order of its own: landmarks of 256 pixels differ by 0.007 on an EPYC with AVX2."""


@pytest.mark.parametrize("name", NETS)
def test_outputs_equal_those_of_openvinos_own_tflite_reader(name: str) -> None:
    mediapipe, ov = pytest.importorskip("mediapipe"), pytest.importorskip("openvino")
    path = Path(mediapipe.__file__).parent / NETS[name].path
    if not path.is_file():
        path = WEIGHTS / path.name
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    config = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    reference = ov.Core().compile_model(ov.convert_model(path), "CPU", config)
    net = load_net(name)
    low = -1.0 if name == "pose_detection" else 0.0
    picture = torch.rand(1, *net.input_shape, generator=torch.Generator().manual_seed(0)) * (1 - low) + low

    with torch.inference_mode():
        outputs = net(picture)
    expected = reference([picture.permute(0, 2, 3, 1).contiguous().numpy()])

    for index, (output_name, output) in enumerate(zip(net.output_names, outputs, strict=True)):
        nhwc = output.permute(0, 2, 3, 1) if output.dim() == 4 else output
        np.testing.assert_allclose(
            nhwc.numpy(), expected[index], rtol=0, atol=TOLERANCE.get(output_name, 1e-3), err_msg=output_name
        )


def test_a_batch_equals_its_pictures_one_by_one() -> None:
    net = load_net("pose_landmark_full")
    pictures = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        together = net(pictures)
        alone = [net(picture[None]) for picture in pictures]
    for index, name in enumerate(net.output_names):
        for row, single in enumerate(alone):
            torch.testing.assert_close(
                together[index][row], single[index][0], rtol=1e-4, atol=TOLERANCE.get(name, 1e-3)
            )


def test_wanted_outputs_come_in_the_wanted_order_and_the_rest_is_left_out() -> None:
    whole, part = load_net("pose_landmark_full"), load_net("pose_landmark_full", ("flag", "landmarks"))
    picture = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        flag, landmarks = part(picture)
        everything = dict(zip(whole.output_names, whole(picture), strict=True))
    torch.testing.assert_close(flag, everything["flag"])
    torch.testing.assert_close(landmarks, everything["landmarks"])
    assert len(list(part.buffers())) < len(list(whole.buffers()))


def test_an_unknown_output_is_refused_by_name() -> None:
    with pytest.raises(GraphError, match="pose_detection has no output 'mask'"):
        load_net("pose_detection", ("mask",))


def test_gradients_reach_the_picture() -> None:
    net = load_net("pose_landmark_full", ("heatmap",))
    picture = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(3), requires_grad=True)
    net(picture)[0].sum().backward()
    assert picture.grad is not None
    assert torch.isfinite(picture.grad).all()
    assert picture.grad.abs().max() > 0


@pytest.mark.parametrize("name", ["pose_landmark_full", "pose_detection"])
def test_export_with_a_free_batch(name: str) -> None:
    net = load_net(name).eval()
    example = torch.rand(2, *net.input_shape)
    program = torch.export.export(net, (example,), dynamic_shapes=({0: torch.export.Dim("batch", max=8)},))
    three = torch.rand(3, *net.input_shape)
    with torch.inference_mode():
        for exported, eager in zip(program.module()(three), net(three), strict=True):
            torch.testing.assert_close(exported, eager)
