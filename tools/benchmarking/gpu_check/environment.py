"""Part: describes this machine."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import torch

from engines.plans.machine import gpu
from tools.benchmarking.gpu_check.record import Notebook
from tools.benchmarking.gpu_check.setting import Setting
from tools.benchmarking.measuring.machine import details, machine


def check(setting: Setting, notebook: Notebook) -> None:
    """Only facts; `machine` is its name in tables."""
    device = setting.prepare()
    notebook.facts(
        machine=machine(setting.device),
        cpu=machine("cpu"),
        torch=torch.__version__,
        cuda=torch.version.cuda,
        cudnn=torch.backends.cudnn.version(),
        numpy=np.__version__,
        opencv=cv2.__version__,
        threads=os.cpu_count(),
        memory_GiB=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        weights=sorted(path.stem for path in Path(setting.weights).glob("*.safetensors")),
        **details(setting.device),
    )
    if device.type == "cuda":
        card = gpu()
        free, total = torch.cuda.mem_get_info(device)
        properties = torch.cuda.get_device_properties(device)
        notebook.facts(
            driver=card.driver if card is not None else None,
            multiprocessors=properties.multi_processor_count,
            gpu_free_GiB=round(free / 2**30, 1),
            gpu_total_GiB=round(total / 2**30, 1),
        )
