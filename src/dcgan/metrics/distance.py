"""The distance by which a run knows its best model while it trains."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import torch

from dcgan.config import NetworkConfig
from dcgan.data.pack import Pack
from dcgan.devices import choose_device
from dcgan.errors import DCGANError
from dcgan.health import Distance
from dcgan.images import to_floats
from dcgan.log import progress
from dcgan.metrics.evaluation import BATCH, LEAST, choose_yardstick, lot, pictures, require_fitting
from dcgan.metrics.frechet import Moments, frechet_distance, moments
from dcgan.model import Model
from dcgan.tensors import Features

MOST_REAL, GENERATED = 20_000, 2_500
"""Fewer than in an evaluation, so that a run is not held up: good to compare its own moments."""


def frechet_in(
    encoder: str | Path | None = None,
    inception: str | Path | None = None,
    device: str = "auto",
) -> Callable[[Pack, NetworkConfig], Distance]:
    """The Fréchet distance in the features of an encoder, to hand to `train`.

    Args:
        encoder: the file that `dcgan encoder` made.
        inception: the file of Inception's published weights, in its place.
        device: where the features are computed.

    Raises:
        DCGANError: there is no such file or device; or, when a run begins, its pictures are of
            another kind, or too few.
    """
    yardstick, chosen = choose_yardstick(encoder, inception), choose_device(device)

    def of_run(pack: Pack, network: NetworkConfig) -> Distance:
        if len(pack) < LEAST:
            raise DCGANError(
                f"{pack.info.name} has {len(pack)} pictures; a distance to fewer than {LEAST} "
                "means nothing. Leave --encoder out."
            )
        require_fitting(yardstick.encoder, network)
        yardstick.encoder.to(chosen)

        def features(pixels: torch.Tensor) -> Features:
            with torch.no_grad():
                return yardstick.encoder.features(to_floats(pixels.to(chosen))).cpu()

        def real_features() -> Iterator[Features]:
            order = lot(pack, MOST_REAL, 0)
            with progress("Encoding real pictures", len(order), unit="pictures") as bar:
                for pixels in pictures(pack, order):
                    yield features(pixels)
                    bar.update(bar.done + len(pixels))

        @cache
        def real() -> Moments:
            return moments(real_features())

        def measure(model: Model) -> float:
            starts = range(0, GENERATED, BATCH)
            drawn = (model.sample(range(start, start + BATCH)) for start in starts)
            return frechet_distance(real(), moments(features(pixels) for pixels in drawn))

        return Distance(yardstick.described, measure, prepare=real)

    return of_run
