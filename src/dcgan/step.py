"""One step of training, as Section 4 of the paper has it, and all that it changes."""

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from dcgan.augment import shifted
from dcgan.config import Config
from dcgan.data.loader import derive
from dcgan.devices import has_native_bfloat16
from dcgan.distributed import ALONE, Group
from dcgan.graphs import graphs_for
from dcgan.losses import discriminator_loss, generator_loss, gradient_penalty
from dcgan.networks import Discriminator, Generator, initialise
from dcgan.sample import draw_latents
from dcgan.sync_batch_norm import synchronise, synchronised
from dcgan.tensors import Images, Labels, Latents

PENALTY_INTERVAL = 16
"""Steps from one gradient penalty to the next, which then weighs as much more."""
BAD_STEPS_IN_A_ROW = 3
"""Steps that give no finite gradients, at which a run cannot go on as it is."""
AVERAGE_WARM_UP = 0.1
"""The averaged weights' half-life is at most this share of the pictures seen so far."""


Dial: TypeAlias = float | Tensor
"""A number that changes from step to step; a tensor where steps are recorded, which read it."""


class StepLosses(NamedTuple):
    """What a step tells of itself: scalars on the device, NaN for a network left alone.

    Of several updates of G it tells the first, right after D's.
    """

    d_loss: Tensor
    g_loss: Tensor
    d_real: Tensor
    """D's mean answer on real pictures, in [0, 1]."""
    d_fake: Tensor
    """D's mean answer on generated ones."""
    d_gradient: Tensor
    """Length of the gradient of all of D's weights."""
    g_gradient: Tensor


class TrainState:
    """Everything that training changes: networks, their average, optimisers, clock.

    All randomness is a function of the seed, the attempt, the clock and the process, so none of it
    is state.

    Args:
        config: of the run, fitted to its pictures.
        device: where all of it is.
        kinds: of the networks, made of the config's shape.
        group: the processes that train together, each with the same state.
    """

    def __init__(
        self,
        config: Config,
        device: torch.device,
        kinds: tuple[type[Generator], type[Discriminator]] = (Generator, Discriminator),
        group: Group = ALONE,
    ) -> None:
        options = config.train
        assert options == options.fitted(config.network.size), "a config not fitted to pictures"
        self.config, self.device, self.group = config, device, group
        self.images_seen = 0
        self.attempt = 0
        """How often the run went back to where it was sound."""
        rng = torch.Generator().manual_seed(derive(options.seed, "weights", 0))
        self.generator = kinds[0](config.network)
        self.discriminator = kinds[1](config.network)
        for network in (self.generator, self.discriminator):
            initialise(network, rng)
            if options.sync_batch_norm and group.count > 1:
                synchronise(network)
            network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = self.generator
        if options.average_half_life:
            self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.graphs = graphs_for(device, group)
        self.average_share = self._dial()
        """How far the average moves in a step now; see `set_dials`."""
        self._chances: dict[tuple[str, int], torch.Generator] = {}
        self.g_optimizer, self.d_optimizer = (
            torch.optim.Adam(
                network.parameters(),
                lr=options.learning_rate,
                betas=(options.beta1, 0.999),
                eps=1e-8,
                weight_decay=options.l2,
                fused=True,
            )
            for network in (self.generator, self.discriminator)
        )
        self._set_up_optimizers()
        self.bfloat16 = options.precision == "bfloat16" or (
            options.precision == "auto" and has_native_bfloat16(device)
        )
        self.bad_in_a_row = torch.zeros((), device=device)
        self.failing_since = torch.full((), -1, dtype=torch.long, device=device)
        """The clock when steps began to fail that were as many in a row as may be; -1 if never."""

    @property
    def batch(self) -> int:
        """Pictures of the step that is next, of all processes."""
        return self.config.train.batch_at(self.images_seen)

    def together(self, batch: int) -> int:
        """Of how many pictures of a batch batch norm takes the statistics together in a step."""
        return batch if self.config.train.sync_batch_norm else batch // self.group.count

    def rng(self, purpose: str, rank: int = 0) -> torch.Generator:
        """Randomness for this purpose at this moment of the run; of its own for each process.

        The same generator each time, seeded for the moment, as a recorded step knows it.
        """
        if (purpose, rank) not in self._chances:
            self._chances[purpose, rank] = torch.Generator(self.device)
        rng = self._chances[purpose, rank]
        if self.graphs and self.graphs.is_recording:
            return rng
        words = f"{purpose}, attempt {self.attempt}" if self.attempt else purpose
        words = f"{words}, process {rank}" if rank else words
        return rng.manual_seed(derive(self.config.train.seed, words, self.images_seen))

    def all_rngs(self) -> list[torch.Generator]:
        """Every generator that was asked for so far, seeded for this moment."""
        return [self.rng(*which) for which in list(self._chances)]

    def count_bad(self, bad: Tensor, batch: int) -> None:
        """Counts steps in a row that were left out, without waiting for the device."""
        self.bad_in_a_row.add_(1).mul_(bad)
        began = self.images_seen - (BAD_STEPS_IN_A_ROW - 1) * batch
        failing = (self.bad_in_a_row >= BAD_STEPS_IN_A_ROW) & (self.failing_since < 0)
        self.failing_since.copy_(torch.where(failing, max(began, 0), self.failing_since))

    def state_dict(self) -> dict[str, Any]:
        """All of it in plain types, to be saved."""
        return {name: part.state_dict() for name, part in self._parts().items()} | {
            "images_seen": self.images_seen,
            "attempt": self.attempt,
            "bad_in_a_row": self.bad_in_a_row,
            "failing_since": self.failing_since,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what `state_dict` gave, on whatever device."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self._set_up_optimizers()
        if self.graphs:
            self.graphs.clear()
        self.images_seen, self.attempt = state["images_seen"], state["attempt"]
        self.bad_in_a_row.copy_(state["bad_in_a_row"])
        self.failing_since.copy_(state["failing_since"])

    def _set_up_optimizers(self) -> None:
        """What depends on the device, and so does not come from a checkpoint."""
        for optimizer in (self.g_optimizer, self.d_optimizer):
            for group in optimizer.param_groups:
                group["lr"] = self._dial(float(group["lr"]))
                group["capturable"] = self.device.type == "cuda"

    def _dial(self, value: float = 0.0) -> Dial:
        return torch.full((), value, device=self.device) if self.graphs else value

    def _parts(self) -> dict[str, Any]:
        parts: dict[str, Any] = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "g_optimizer": self.g_optimizer,
            "d_optimizer": self.d_optimizer,
        }
        return parts if self.average is self.generator else parts | {"average": self.average}


def train_step(state: TrainState, real: Images, labels: Labels | None = None) -> StepLosses:
    """One update of the discriminator, then of the generator (Section 4 of the paper).

    The generator is updated once, as in the paper, or `g_updates` times. With the schedule
    "alternate" only one of them has its turn, the generator first, as in the authors' code.
    Nothing here waits for the device.

    Args:
        state: changed in place; its clock goes on by the batch.
        real: a batch of pictures (N, C, H, W) in [-1, 1], on the device; of many processes, each
            gives its share of it.
        labels: their classes (N,), for conditional networks.
    """
    batch = len(real) * state.group.count
    set_dials(state, batch)
    with synchronised((state.generator, state.discriminator), state.group):
        losses, bad = update_or_replay(state, real, labels)
    state.count_bad(bad, batch)
    state.images_seen += batch
    return losses


def update_or_replay(
    state: TrainState, real: Images, labels: Labels | None
) -> tuple[StepLosses, Tensor]:
    """`update_networks`, recorded and replayed where the device can."""
    if not state.graphs:
        return update_networks(state, real, labels)

    def work(*inputs: Tensor) -> tuple[Tensor, ...]:
        losses, bad = update_networks(state, *inputs)
        return *losses, bad

    d_turn, g_turn = turns(state)
    kind = d_turn, g_turn, d_turn and penalty_weight(state) > 0, real.shape
    inputs = [real] if labels is None else [real, labels]
    *losses, bad = state.graphs.run(kind, work, inputs, state.all_rngs())
    return StepLosses(*losses), bad


def update_networks(
    state: TrainState, real: Images, labels: Labels | None = None
) -> tuple[StepLosses, Tensor]:
    """What the step changes of the networks.

    Returns:
        Its losses, and whether something was left out as it was not finite.
    """
    G, D = state.generator, state.discriminator
    d_turn, g_turn = turns(state)
    nan = real.new_full((), math.nan)
    d_loss = g_loss = d_real = d_fake = d_gradient = g_gradient = nan
    bad = torch.zeros((), dtype=torch.bool, device=state.device)

    # Make as many fake pictures as there are real ones.
    with precision(state), torch.set_grad_enabled(g_turn):
        fake = G(noise(state, len(real)), labels)

    # Discriminator: raise the logits of real pictures, lower those of fake ones. Each kind passes
    # by itself, with batch statistics of its own.
    if d_turn:
        shown = seen(state, real, "real")
        with precision(state):
            real_logits = D(shown, labels)
            fake_logits = D(seen(state, fake.detach(), "fake"), labels)
        d_loss = discriminator_loss(real_logits, fake_logits)
        d_real, d_fake = mean_answer(real_logits), mean_answer(fake_logits)
        d_gradient = update(state.d_optimizer, d_loss + penalty(state, shown, labels), state.group)
        bad = bad | ~torch.isfinite(d_gradient)

    # Generator: raise the logits of the fake pictures it just made; then of new ones, if asked for.
    for again in range(state.config.train.g_updates if g_turn else 0):
        with precision(state), frozen(D):
            if again:
                fake = G(noise(state, len(real), again), labels)
            loss = generator_loss(D(seen(state, fake, "own", again), labels))
        gradient = update(state.g_optimizer, loss, state.group)
        bad = bad | ~torch.isfinite(gradient)
        if not again:
            g_loss, g_gradient = loss, gradient
    if g_turn:
        update_average(state)

    d_loss, g_loss = d_loss.detach(), g_loss.detach()
    return StepLosses(d_loss, g_loss, d_real, d_fake, d_gradient, g_gradient), bad


def noise(state: TrainState, share: int, again: int = 0) -> Latents:
    """This process's share of the latents of a batch, new ones for each update of G in a step.

    They are drawn for the whole batch, so that they are the same however many processes share it.
    """
    rng = state.rng(numbered("noise", again))
    z = draw_latents(share * state.group.count, state.config.network, rng)
    return state.group.share(z)


def seen(state: TrainState, images: Images, purpose: str, again: int = 0) -> Images:
    """Pictures as the discriminator sees them: moved at random, if asked for."""
    if state.config.train.augment == "none":
        return images
    return shifted(images, state.rng(numbered(f"augment {purpose}", again), state.group.rank))


def numbered(purpose: str, again: int) -> str:
    """The name of a purpose's randomness, for the first time in a step or once more."""
    return f"{purpose} {again}" if again else purpose


def penalty(state: TrainState, shown: Images, labels: Labels | None) -> Tensor:
    """The gradient penalty at real pictures as D saw them, in float32; 0 if it is not due."""
    weight = penalty_weight(state)
    if not weight:
        return shown.new_zeros(())
    images = shown.detach().requires_grad_()
    logits = state.discriminator(images, labels)
    return weight / 2 * gradient_penalty(logits, images)


def penalty_weight(state: TrainState) -> float:
    """What the gradient penalty weighs in D's turn now: one in sixteen has it, as much heavier."""
    options = state.config.train
    turn = state.images_seen // state.batch // (2 if options.schedule == "alternate" else 1)
    if turn % PENALTY_INTERVAL:
        return 0.0
    return (options.gradient_penalty or 0.0) * PENALTY_INTERVAL


def turns(state: TrainState) -> tuple[bool, bool]:
    """Whether this step updates the discriminator, and whether the generator."""
    if state.config.train.schedule == "both":
        return True, True
    g_turn = state.images_seen // state.batch % 2 == 0
    return not g_turn, g_turn


def update(optimizer: torch.optim.Optimizer, loss: Tensor, group: Group) -> Tensor:
    """One step of an optimiser, left out where the loss or a gradient is not finite.

    The choice is made on the device: the fused optimisers take a `found_inf`, as they do from
    PyTorch's gradient scaler. It is the same in all processes, as their mean gradient is.

    Returns:
        The length of the gradient, a scalar on the device; not finite where the step was left out.
    """
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"]]
    # A loss that is not finite makes the sum so, whatever the gradients are.
    nothing = 0.0 * loss.detach()
    group.average([*gradients, nothing])
    length = nn.utils.get_total_norm(gradients) + nothing
    bad = 1.0 - torch.isfinite(length).float()
    optimizer.grad_scale, optimizer.found_inf = None, bad  # type: ignore[attr-defined]
    optimizer.step()
    return length


def set_dials(state: TrainState, batch: int) -> None:
    """Sets all numbers that depend on the moment of the run.

    The step size is constant, then falls to 0 over the run's last share; after each time that the
    run went back it is half of that.
    """
    options = state.config.train
    falling = max(options.images - options.falls_from(), 1)
    left = (options.images - state.images_seen) / falling
    share = max(0.0, min(1.0, left)) * 0.5**state.attempt
    rates = {
        state.g_optimizer: options.learning_rate,
        state.d_optimizer: options.d_learning_rate or options.learning_rate,
    }
    for optimizer, rate in rates.items():
        for group in optimizer.param_groups:
            group["lr"] = dialled(group["lr"], rate * share)
    half_life = min(options.average_half_life, AVERAGE_WARM_UP * state.images_seen)
    share = 1.0 - (0.5 ** (batch / half_life) if half_life else 0.0)
    state.average_share = dialled(state.average_share, share)


def dialled(dial: Dial, value: float) -> Dial:
    """The dial at a new value; a tensor stays where it is."""
    return dial.fill_(value) if isinstance(dial, Tensor) else value


@torch.no_grad()
def update_average(state: TrainState) -> None:
    """Moves the averaged generator, weights and buffers, towards the present one."""
    if state.average is state.generator:
        return
    present = state.generator.state_dict()
    for name, average in state.average.state_dict().items():
        if average.is_floating_point():
            average.lerp_(present[name], state.average_share)
        else:
            average.copy_(present[name])


def mean_answer(logits: Tensor) -> Tensor:
    """The discriminator's mean answer in [0, 1]; 1 means "real"."""
    return logits.detach().float().sigmoid().mean()


def precision(state: TrainState) -> torch.autocast:
    """Arithmetic of the networks: bfloat16 where chosen, weights and sums in float32 always."""
    return torch.autocast(state.device.type, torch.bfloat16, enabled=state.bfloat16)


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Within, the network's weights take no gradient: nobody needs it in the other's step."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
