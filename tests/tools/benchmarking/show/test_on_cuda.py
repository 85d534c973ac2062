from __future__ import annotations

import pytest
import torch

from tools.benchmarking.measuring.subjects import of_variant
from tools.benchmarking.show import generator


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
def test_ours_and_the_peers_run_on_a_gpu() -> None:
    rows = generator.measure(of_variant("nano", (128, 128)), "cuda", [], rounds=3, threads=1)
    assert [row.what for row in rows][:2] == ["ours, torch fp16 CUDA graph", "ours, torch fp16 eager"]
    assert isinstance(rows[0].figures["psnr_db"], float) and rows[0].figures["psnr_db"] > 40
    assert rows[-2].what == "ceiling: large convolutions, torch fp16"
