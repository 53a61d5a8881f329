"""The objectives, on logits."""

import torch.nn.functional as F
from torch import Tensor

from dcgan.tensors import Logits


def discriminator_loss(real: Logits, fake: Logits) -> Tensor:
    """What the discriminator minimises: mean of -log D(x) plus mean of -log(1 - D(G(z))).

    The sum of both means, not halved, as in the authors' code. On logits a,
    -log sigmoid(a) = softplus(-a) and -log(1 - sigmoid(a)) = softplus(a), which never overflow.

    Args:
        real: the discriminator's logits of real pictures, (N,).
        fake: the same of generated pictures, (M,).

    Returns:
        A scalar, at least 0; 2 log 2 = 1.386 where the discriminator is undecided.
    """
    return F.softplus(-real.float()).mean() + F.softplus(fake.float()).mean()


def generator_loss(fake: Logits) -> Tensor:
    """What the generator minimises: mean of -log D(G(z)), the non-saturating objective.

    Args:
        fake: the discriminator's logits of generated pictures, (N,).

    Returns:
        A scalar, at least 0; log 2 = 0.693 where the discriminator is undecided.
    """
    return F.softplus(-fake.float()).mean()
