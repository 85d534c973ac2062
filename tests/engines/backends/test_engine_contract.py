"""The contract that each backend fills: the same tests for all that are here."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engines.backends.choice import BACKENDS, compile_module, missing
from engines.painting.generator import LiveGenerator
from engines.runtime.engine import Engine, EngineError
from tests.drawn import standing, untrained_generator
from tests.engines.cuda_on_cpu import CUDA_ON_CPU, run_cuda_on_cpu
from tests.engines.small_net import OUTPUTS, Small, example, expected, fill

WAYS = [
    *(pytest.param(name, marks=pytest.mark.gpu if name == "cuda" else ()) for name in BACKENDS),
    pytest.param(CUDA_ON_CPU),
]
"""Every backend, and what runs on GPUs, but here."""


@pytest.fixture(scope="module", params=WAYS)
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        if request.param == CUDA_ON_CPU:
            run_cuda_on_cpu(patch)
            yield "cuda"
            return
        why = missing(request.param)
        if why is not None:
            pytest.skip(why)
        yield request.param


@pytest.fixture(scope="module")
def engine(backend: str) -> Engine:
    return compile_module(Small(), example(), OUTPUTS, backend=backend)


def test_the_specs_are_those_of_the_example(engine: Engine) -> None:
    inputs, outputs = engine.buffers()
    assert [(name, array.shape, array.dtype.name) for name, array in inputs.items()] == [
        ("previous", (1, 1, 16, 24), "float32"),
        ("plate", (1, 16, 24, 3), "uint8"),
    ]
    assert [(name, array.shape, array.dtype.name) for name, array in outputs.items()] == [
        ("picture", (1, 3, 16, 24), "float32"),
        ("mean", (1, 3), "float32"),
    ]
    assert engine.backend in BACKENDS and engine.precision == "f32"


def test_the_output_is_that_of_eager_torch(engine: Engine) -> None:
    inputs, outputs = engine.buffers()
    fill(inputs, 0)
    engine.run(inputs, outputs)
    for name, truth in zip(OUTPUTS, expected(Small(), inputs), strict=True):
        np.testing.assert_allclose(outputs[name], truth, atol=1e-3)


def test_each_run_reads_and_writes_the_arrays_it_is_given(engine: Engine) -> None:
    sets = [engine.buffers(), engine.buffers()]
    for seed, which in enumerate((0, 0, 1, 0, 1, 1)):
        inputs, outputs = sets[which]
        before = {name: array.copy() for name, array in sets[1 - which][1].items()}
        fill(inputs, seed)
        engine.run(inputs, outputs)
        np.testing.assert_allclose(outputs["picture"], expected(Small(), inputs)[0], atol=1e-3)
        for name, array in sets[1 - which][1].items():
            np.testing.assert_array_equal(array, before[name])  # the caller's other set is left alone


def test_arrays_may_be_mixed_and_extra_names_given(engine: Engine) -> None:
    (inputs, _), (_, outputs) = engine.buffers(), engine.buffers()
    fill(inputs, 3)
    engine.run({**inputs, "unused": np.zeros(1)}, {**outputs, "unused": np.zeros(1)})
    np.testing.assert_allclose(outputs["mean"], expected(Small(), inputs)[1], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "wrong", "said"),
    [
        ("previous", np.zeros((1, 1, 16, 23), np.float32), r"'previous' is float32\[1, 1, 16, 23\]"),
        ("previous", np.zeros((1, 1, 16, 24), np.float64), r"'previous' is float64"),
        ("plate", np.zeros((1, 16, 24, 3), np.float32), r"'plate' is float32.* not uint8"),
        ("plate", np.zeros((1, 16, 3, 24), np.uint8).transpose(0, 1, 3, 2), r"'plate' is not C-contiguous"),
        ("plate", None, r"'plate' is missing"),
        ("picture", np.zeros((1, 3, 16, 25), np.float32), r"'picture' is float32\[1, 3, 16, 25\]"),
        ("picture", np.zeros((1, 3, 16, 48), np.float32)[..., ::2], r"'picture' is not C-contiguous"),
        ("mean", None, r"'mean' is missing"),
    ],
)
def test_a_wrong_array_is_named(
    engine: Engine, name: str, wrong: NDArray[np.generic] | None, said: str
) -> None:
    inputs, outputs = engine.buffers()
    side = inputs if name in inputs else outputs
    if wrong is None:
        del side[name]
    else:
        side[name] = wrong
    with pytest.raises(EngineError, match=said):
        engine.run(inputs, outputs)


def test_a_list_of_shapes_gives_an_engine_for_each(backend: str) -> None:
    examples = [example(16, 24), example(32, 16)]
    engines = compile_module(Small(), examples, OUTPUTS, backend=backend)
    assert len(engines) == 2
    for seed, (each, one) in enumerate(zip(examples, engines, strict=True)):
        inputs, outputs = one.buffers()
        assert {name: array.shape for name, array in inputs.items()} == {n: t.shape for n, t in each.items()}
        fill(inputs, seed)
        one.run(inputs, outputs)
        np.testing.assert_allclose(outputs["picture"], expected(Small(), inputs)[0], atol=1e-3)


def test_the_live_generator_is_compiled_with_its_names(backend: str) -> None:
    net = LiveGenerator(untrained_generator(60).fold()).eval()
    with torch.no_grad():
        net.generator.fields.weight.normal_(std=0.1)
    engine = compile_module(net, net.example((64, 64)), net.OUTPUTS, backend=backend)
    inputs, outputs = engine.buffers()
    assert (tuple(inputs), tuple(outputs)) == (net.INPUTS, net.OUTPUTS)
    random = np.random.default_rng(0)
    inputs["landmarks"][0] = standing(32, 60, 50)
    inputs["previous"][:] = random.random(inputs["previous"].shape)
    inputs["doll"][0, 16:48, 16:48] = (40, 90, 200, 255)
    inputs["doll"][0, :16] = inputs["doll"][0, 48:] = 0
    inputs["doll"][0, 16:48, :16] = inputs["doll"][0, 16:48, 48:] = 0
    engine.run(inputs, outputs)
    own, fields = expected(net, inputs)
    np.testing.assert_allclose(outputs["own"], own, atol=1e-3)
    np.testing.assert_allclose(outputs["fields"], fields, atol=5e-3)
