"""Directions of labels: across the boundary between latents whose pictures are one or the other."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dcgan.errors import DCGANError
from dcgan.features.classifiers import L2SVM
from dcgan.latent.axes import SAMPLES, Directions, as_long
from dcgan.latent.judging import HELD_OUT, eyes_of, judges_for, parse_wishes, scores
from dcgan.log import logger
from dcgan.model import Model
from dcgan.sample import latents_of

COST = 1e-2


def of_labels(model: Model, source: str | Path | None, wanted: str, device: str) -> Directions:
    """A direction for each wish, towards pictures that are so (Shen et al. 2020).

    The pictures of 2,000 latents are judged as by `find`; a linear SVM on the latents tells those
    of the highest third from those of the lowest, and its normal is the direction.

    Raises:
        DCGANError: one of source and wishes is missing, or as `find`.
    """
    if source is None or not wanted:
        missing = "`source`" if source is None else "--labels or `wanted`"
        raise DCGANError(
            f"Directions of labels need pictures and what is wanted of them; give {missing} too."
        )
    wishes = parse_wishes(wanted)
    eyes = eyes_of(model, device)
    judges = judges_for(eyes, model, source, wishes)
    values = scores(eyes, judges, model, range(SAMPLES))
    z = latents_of(range(SAMPLES), model.config).numpy()
    return {
        str(wish): _normal(z, column, model, str(wish))
        for wish, column in zip(wishes, values.T, strict=True)
    }


def _normal(
    z: NDArray[np.float32], values: NDArray[np.float64], model: Model, name: str
) -> torch.Tensor:
    normal, accuracy = boundary(z, values)
    logger.info(f"{name}: the boundary is on the right side of {accuracy:.1%} of latents held out.")
    return as_long(torch.from_numpy(normal)[None], model.config)[0]


def boundary(
    z: NDArray[np.float32], values: NDArray[np.float64]
) -> tuple[NDArray[np.float32], float]:
    """The normal (D,) of the plane between latents (N, D) of high and of low values (N,).

    Returns:
        The normal, and the share of right answers on latents that were held out, in [0, 1].
    """
    third = len(values) // 3
    order = values.argsort(kind="stable")
    chosen = np.concatenate([order[-third:], order[:third]])
    answers = np.repeat([True, False], third)
    held_out = np.arange(len(chosen)) % third % HELD_OUT == 0
    machine = L2SVM(COST, device="cpu").fit(z[chosen][~held_out], answers[~held_out])
    right = machine.predict(z[chosen][held_out]) == answers[held_out]
    return machine.coef_[0], float(right.mean())
