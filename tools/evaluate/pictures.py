"""Compares pictures with the recording: the whole frame, the person, the face and the hands."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import cv2
import numpy as np
import torch

from tools.evaluate.regions import person_window
from tools.scores.lpips import Lpips, sum_of_means
from tools.scores.lpips_weights import WeightsError
from tools.scores.pictures import (
    Mask,
    Picture,
    Window,
    multiscale_ssim,
    psnr,
    sharpness,
    ssim_map,
    to_tensor,
)

log = logging.getLogger(__name__)

REGIONS = ("full", "person", "face", "hands")
FACE_PX = 128
"""Faces are scaled to this size for LPIPS: AlexNet's features of 60 pixels are only a handful."""

Scores = dict[str, dict[str, float]]


class PictureJudge:
    """Scores a picture, by name and region; NaN where something cannot be measured."""

    NAMES = ("psnr_db", "ssim", "ms_ssim", "lpips", "sharpness_of_truth")

    def __init__(self, lpips: Lpips | None) -> None:
        """lpips: None where its weights are missing; its scores are then NaN."""
        self._lpips = lpips

    @classmethod
    def with_weights_at_hand(cls) -> PictureJudge:
        """A judge with LPIPS where its weights exist; otherwise a warning tells how to get them."""
        try:
            return cls(Lpips.load())
        except WeightsError as error:
            log.warning("no LPIPS: %s", error)
            return cls(None)

    def __call__(
        self, output: Picture, truth: Picture, mask: Mask, face: Window | None, hands: Mask | None = None
    ) -> Scores:
        """output, truth: (H, W, 3) BGR. mask: (H, W), not empty. face, hands (H, W): where they are."""
        similarity, person = ssim_map(output, truth), person_window(mask)
        scores: Scores = {
            "psnr_db": {"full": psnr(output, truth), "person": psnr(output, truth, mask)},
            "ssim": {"full": float(similarity.mean()), "person": float(similarity[mask].mean())},
            "ms_ssim": {
                "full": multiscale_ssim(output, truth),
                "person": multiscale_ssim(output[person], truth[person]),
            },
            "lpips": self._distances(output, truth, mask, face, hands),
            "sharpness_of_truth": {
                "full": sharpness(output, truth), "person": sharpness(output, truth, mask),
            },
        }  # fmt: skip
        on_face: dict[str, Callable[[Window], float]] = {
            "psnr_db": lambda there: psnr(output[there], truth[there]),
            "ssim": lambda there: float(similarity[there].mean()),
            "sharpness_of_truth": lambda there: sharpness(output[there], truth[there]),
        }
        for name, score in on_face.items():
            scores[name]["face"] = math.nan if face is None else score(face)
            scores[name]["hands"] = math.nan
        if hands is not None:
            scores["psnr_db"]["hands"] = psnr(output, truth, hands)
            scores["ssim"]["hands"] = float(similarity[hands].mean())
            scores["sharpness_of_truth"]["hands"] = sharpness(output, truth, hands)
        return scores

    @torch.inference_mode()
    def _distances(
        self, output: Picture, truth: Picture, mask: Mask, face: Window | None, hands: Mask | None
    ) -> dict[str, float]:
        found = dict.fromkeys(REGIONS, math.nan)
        if self._lpips is None:
            return found
        maps = self._lpips.maps(to_tensor(output), to_tensor(truth))
        found["full"] = float(sum_of_means(maps))
        for region, where in (("person", mask), ("hands", hands)):
            if where is not None:
                found[region] = float(sum_of_means(maps, torch.from_numpy(where)[None, None].float()))
        if face is not None:
            found["face"] = float(self._lpips(*(_enlarged(picture[face]) for picture in (output, truth))))
        return found


def _enlarged(face: Picture) -> torch.Tensor:
    scaled = cv2.resize(face, (FACE_PX, FACE_PX), interpolation=cv2.INTER_CUBIC)
    return to_tensor(np.asarray(scaled, np.uint8))
