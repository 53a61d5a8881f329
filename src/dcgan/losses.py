"""The objectives, on logits."""

import torch
import torch.nn.functional as F
from torch import Tensor

from dcgan.tensors import Images, Logits


def discriminator_loss(real: Logits, fake: Logits) -> Tensor:
    """What the discriminator minimises: the mean of -log D(x), and of -log(1 - D(G(z))).

    Their sum is not halved, as in the authors' code. On logits a, -log sigmoid(a) = softplus(-a)
    and -log(1 - sigmoid(a)) = softplus(a), which never overflow.

    Args:
        real: the discriminator's logits of real pictures, (N,).
        fake: the same of generated pictures, (M,).

    Returns:
        A scalar, at least 0; 2 log 2 = 1.386 where the discriminator is undecided.
    """
    return F.softplus(-real.float()).mean() + F.softplus(fake.float()).mean()


def generator_loss(fake: Logits) -> Tensor:
    """What the generator minimises: the mean of -log D(G(z)), the non-saturating objective.

    Args:
        fake: the discriminator's logits of generated pictures, (N,).

    Returns:
        A scalar, at least 0; log 2 = 0.693 where the discriminator is undecided.
    """
    return F.softplus(-fake.float()).mean()


def gradient_penalty(logits: Logits, images: Images) -> Tensor:
    """How steep the discriminator is at pictures: the mean of |∇ D|² (R1, Mescheder et al. 2018).

    The gradient is that of the sum of the logits. Under batch norm with the statistics of the batch
    a picture moves the logits of the others, too, and that counts.

    Args:
        logits: of pictures, (N,).
        images: these, which require a gradient, (N, C, H, W).

    Returns:
        A scalar, at least 0, which can be differentiated again.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()
