"""How a run does: looks at it now and then, and what these mean in words."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from dcgan.data.loader import Loader
from dcgan.images import to_floats
from dcgan.looks import (
    LOOKED_AT,
    Look,
    Maps,
    answers,
    company,
    course,
    dead,
    difference,
    drawn,
    in_other_company,
    latents_to_look_at,
    left_alone,
    ratio,
    share_above,
    swinging,
)
from dcgan.model import Model
from dcgan.sample import in_batches
from dcgan.step import StepLosses, TrainState, mean_answer, precision

LOOKS_KEPT = 3
"""A finding holds when it held in so many looks in a row."""
WARM_UP = 200
"""Steps before which pictures may still all look alike."""


class Finding(NamedTuple):
    """Something that is not as it should be."""

    text: str
    is_grave: bool = False
    """Whether training will not get out of it."""


class Sign(NamedTuple):
    """How a look shows that something is not as it should be, and how that is said."""

    holds: Callable[[Look], bool]
    text: Callable[[Look], str]
    is_grave: bool = False


def wins(look: Look) -> bool:
    """Whether D's answer on each real picture is above those on the generated ones."""
    return look.told_apart > 0.999


def is_mostly_dead(look: Look) -> bool:
    """Whether most maps of a layer are dead: these get no gradient any more, and stay so."""
    return any(2 * count > look.maps[grid] for grid, count in look.dead.items())


# The limits come from runs known to be sound or sick: docs/health.md shows them.
SIGNS = (
    Sign(
        lambda look: look.most_diverse > 0.5 and look.diversity < (0.5 if wins(look) else 0.25),
        lambda look: f"collapsed: its pictures differ {look.diversity:.0%} as much as real ones",
        is_grave=True,
    ),
    Sign(
        lambda look: look.diversity < 0.25 and look.most_diverse <= 0.5,
        lambda look: f"still alike: its pictures differ {look.diversity:.0%} as much as real ones",
    ),
    Sign(
        lambda look: look.by_heart > 0.75,
        lambda look: (
            f"D knows its pictures by heart: it says {look.answer_on_real:.0%} real to them, "
            f"{look.answer_on_held_out:.0%} to others; give it more, or begin anew with "
            "--augment shift, if it is not moved yet"
        ),
    ),
    Sign(
        lambda look: look.overshot > 2.4,
        lambda look: (
            "D overshoots: it is sure of itself, and often wrong; begin anew with a smaller "
            "--d-learning-rate"
        ),
    ),
    Sign(
        wins,
        lambda look: "D wins: it ranks every real picture highest; do the sheets get better?",
    ),
    Sign(
        lambda look: look.told_apart < 0.55,
        lambda look: (
            f"D is lost: it ranks {look.told_apart:.0%} of the pairs of a real and a generated "
            "picture right, and guessing would half of them; do the sheets get better? If not, "
            "begin anew with --g-updates 1, or a larger --d-learning-rate"
        ),
    ),
    Sign(
        lambda look: look.company > 0.45,
        lambda look: (
            f"the same latent in another batch differs {look.company:.0%} as much as another "
            "latent: batch norm needs a larger --batch, from the beginning"
        ),
    ),
    Sign(
        lambda look: look.contrast <= 0.67 or look.contrast >= 1.5,
        lambda look: f"contrast is {look.contrast:.0%} of that of real pictures",
    ),
    Sign(
        lambda look: any(look.dead.values()),
        lambda look: f"{counted(look.dead, look.maps)} are dead",
    ),
    Sign(
        lambda look: any(8 * count > look.maps[grid] for grid, count in look.swinging.items()),
        lambda look: f"{counted(look.swinging, look.maps)} are swinging to and fro",
    ),
)


class Distance(NamedTuple):
    """A measure of a model's pictures against real ones, handed to a run from outside."""

    described: str
    measure: Callable[[Model], float]
    """At least 0; the smaller, the better."""
    prepare: Callable[[], object] = lambda: None
    """What takes a while, and is done once before the training goes on."""


class Health:
    """The looks at a run, as far as later ones need them."""

    def __init__(self, loader: Loader) -> None:
        self.looks: list[Look] = []
        self._courses: list[Maps] = []
        self._losses = torch.zeros(2)
        """Sums of D's losses and of G's since the last look."""
        self._turns = torch.zeros(2)
        """Of how many steps."""
        (real, labels), (others, other_labels) = loader.shown(LOOKED_AT), loader.hidden(LOOKED_AT)
        self._batch_at, self._count = loader.size_at, len(real)
        self._real, self._labels = torch.cat([real, others]), None
        if labels is not None and other_labels is not None:
            self._labels = torch.cat([labels, other_labels])

    def note(self, losses: StepLosses) -> None:
        """Takes down a step's losses, without waiting for the device."""
        pair = torch.stack([losses.d_loss, losses.g_loss])
        self._losses = self._losses.to(pair.device) + pair.nan_to_num(0.0, math.inf, -math.inf)
        self._turns = self._turns.to(pair.device) + ~pair.isnan()

    @torch.no_grad()
    def look(self, state: TrainState) -> Look:
        """Looks at a run; waits for the device."""
        z, labels = latents_to_look_at(state)
        parts = in_batches(range(LOOKED_AT), state.together(state.batch))
        with left_alone(state.discriminator), precision(state):
            fake, maps = drawn(state, z, labels, parts)
            again, _ = drawn(state, z, labels, in_other_company(parts))
            # Each batch is of one kind, as in training; those held out are real ones too.
            fake_logits = answers(state, fake, labels, "fake")
            real_logits = answers(state, to_floats(self._real), self._labels, "real")
        shown, held_out = real_logits[: self._count], real_logits[self._count :]
        real = to_floats(self._real[: self._count])
        diversity = ratio(difference(fake[: self._count]), difference(real))
        highest = self.looks[-1].most_diverse if self.looks else 0.0
        courses = {grid: course(values) for grid, values in maps.items()}
        kept = [*self._courses, courses]
        found = Look(
            images_seen=state.images_seen,
            answer_on_real=mean_answer(shown).item(),
            answer_on_held_out=mean_answer(held_out).item(),
            answer_on_generated=mean_answer(fake_logits).item(),
            told_apart=share_above(shown, fake_logits),
            by_heart=share_above(shown, held_out),
            diversity=diversity,
            most_diverse=max(highest, diversity),
            contrast=ratio(fake.std().item(), real.std().item()),
            company=company(fake, again) if len(parts) > 1 else math.nan,
            overshot=(self._losses / self._turns).prod().item(),
            maps={grid: values.shape[1] for grid, values in maps.items()},
            dead={grid: int(dead(values).sum()) for grid, values in maps.items()},
            swinging={grid: int(swinging([c[grid] for c in kept]).sum()) for grid in maps},
        )
        self._courses = kept[-2:]
        self.looks = [*self.looks, found][-LOOKS_KEPT:]
        self._losses, self._turns = torch.zeros(2), torch.zeros(2)
        return found

    def findings(self) -> list[Finding]:
        """What is not as it should be; nothing before there are enough looks."""
        return findings(self.looks, self._batch_at(0))

    def state_dict(self) -> dict[str, Any]:
        """All of it in plain types, to be saved."""
        return {
            "looks": [look._asdict() for look in self.looks],
            "courses": self._courses,
            "losses": self._losses.cpu(),
            "turns": self._turns.cpu(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state_dict` gave."""
        self.looks = [Look(**look) for look in state["looks"]]
        self._courses = list(state["courses"])
        self._losses, self._turns = state["losses"], state["turns"]


def findings(looks: Sequence[Look], batch: int) -> list[Finding]:
    """What held in each of the last `LOOKS_KEPT` looks, the worst first.

    Args:
        looks: in order.
        batch: pictures per step, of the first ones if they grow.
    """
    recent = looks[-LOOKS_KEPT:]
    if len(recent) < LOOKS_KEPT or recent[0].images_seen < WARM_UP * batch:
        return []
    return [
        Finding(sign.text(recent[-1]), sign.is_grave)
        for sign in SIGNS
        if all(sign.holds(look) for look in recent)
    ]


def counted(some: Mapping[str, int], maps: Mapping[str, int]) -> str:
    """As `12 of 256 maps of 16x16`."""
    return ", ".join(f"{n} of {maps[grid]} maps of {grid}" for grid, n in some.items() if n)
