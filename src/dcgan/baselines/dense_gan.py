"""The GAN without convolutions beside which Table 3 puts the conditional DCGAN (Section 8.1)."""

from pathlib import Path

import torch
from torch import Tensor, nn

from dcgan.checkpoint import Run
from dcgan.config import Config, NetworkConfig
from dcgan.data.loader import Loader, derive
from dcgan.data.pack import Pack
from dcgan.errors import Stopped
from dcgan.images import to_floats
from dcgan.log import progress
from dcgan.model import calibrate, latents_to_measure
from dcgan.networks import Discriminator, Generator, dense_block, join, leaky_relu, one_hot, relu
from dcgan.step import TrainState, train_step
from dcgan.stopping import stop_signals
from dcgan.tensors import Images, Labels, Latents, Logits

UNITS = 1_024
SAVED = 100_000
"""Pictures from one checkpoint to the next."""


class DenseGenerator(Generator):
    """Latents to pictures by dense layers, labels joined to the input of each.

    The paper does not describe it; two hidden layers of 1,024 units with batch norm, as wide as the
    dense layers of the DCGAN beside it, are ours.
    """

    def __init__(self, config: NetworkConfig) -> None:
        nn.Module.__init__(self)
        self.config = config
        classes, self.shape = config.classes, (config.channels, *config.size)
        self.first = dense_block(config.latent_dim + classes, UNITS, relu(), config.affine)
        self.second = dense_block(UNITS + classes, UNITS, relu(), config.affine)
        pixels = config.channels * config.size.height * config.size.width
        self.to_pixels = nn.Linear(UNITS + classes, pixels, bias=False)

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        """Pictures (N, channels, H, W) in [-1, 1] of latents (N, latent_dim)."""
        y = one_hot(labels, self.config)
        x: Tensor = self.second(join(self.first(join(z, y)), y))
        pixels: Tensor = self.to_pixels(join(x, y))
        images = torch.unflatten(pixels, 1, self.shape)
        return images.tanh() if self.config.output == "tanh" else 2 * images.sigmoid() - 1


class DenseDiscriminator(Discriminator):
    """Pictures to logits by dense layers: the order of the pixels tells it nothing."""

    def __init__(self, config: NetworkConfig) -> None:
        nn.Module.__init__(self)
        self.config = config
        classes = config.classes
        pixels = config.channels * config.size.height * config.size.width
        self.first = nn.Sequential(
            nn.Linear(pixels + classes, UNITS, bias=config.input_bias), leaky_relu()
        )
        self.second = dense_block(UNITS + classes, UNITS, leaky_relu(), config.affine)
        self.to_logit = nn.Linear(UNITS + classes, 1, bias=False)

    def forward(self, images: Images, labels: Labels | None = None) -> Logits:
        """Logits (N,) of pictures (N, channels, H, W) in [-1, 1]; positive means "real"."""
        y = one_hot(labels, self.config)
        x: Tensor = self.first(join(self._pixels(images).flatten(1), y))
        logits: Tensor = self.to_logit(join(self.second(join(x, y)), y))
        return logits.squeeze(1)


def dense_generator(pack: Pack, config: Config, folder: Path, device: torch.device) -> Generator:
    """Trains a GAN of dense layers, and gives its generator with stored statistics.

    Args:
        pack: the pictures.
        config: how long and how, as for a DCGAN.
        folder: for its checkpoints, from which a training that was stopped goes on.
        device: to compute on.

    Raises:
        Stopped: by the user; all is saved.
        DCGANError: the folder cannot be written.
    """
    state = TrainState(config, device, (DenseGenerator, DenseDiscriminator))
    options, run = config.train, Run(folder)
    loader = Loader(pack, options.batch, options.seed, options.labels)
    if saved := run.latest():
        state.load_state_dict(saved)
    with (
        run.opened(),
        stop_signals() as signals,
        progress(
            "GAN of dense layers", options.images, done=state.images_seen, unit="pictures"
        ) as bar,
    ):
        while state.images_seen < options.images:
            pixels, labels = loader.batch(state.images_seen)
            assert labels is not None
            train_step(state, to_floats(pixels.to(device)), labels.to(device))
            bar.update(state.images_seen)
            is_due = state.images_seen % SAVED < options.batch
            if is_due or signals or state.images_seen >= options.images:
                run.save(state.state_dict(), state.images_seen, options.images)
            if signals:
                raise Stopped("Stopped. The same command takes the work up again.", signals[0])
    rng = torch.Generator(device).manual_seed(derive(options.seed, "calibration", 0))
    calibrate(state.generator, latents_to_measure(config.network, rng))
    return state.generator
