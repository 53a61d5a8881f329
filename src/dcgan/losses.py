"""The objectives, on logits."""

import torch
import torch.nn.functional as F
from torch import Tensor

from dcgan.tensors import Images, Logits


def discriminator_loss(
    real: Logits, fake: Logits, objective: str = "cross-entropy", real_target: float = 1.0
) -> Tensor:
    """What the discriminator minimises: the sum of a mean over real and one over generated.

    - `cross-entropy`, as the paper: -log D(x) and -log(1 - D(G(z))), not halved, as in the authors'
      code. On logits a, -log sigmoid(a) = softplus(-a) and -log(1 - sigmoid(a)) = softplus(a),
      which never overflow. 2 log 2 = 1.386 where the discriminator is undecided.
    - `hinge`: max(0, 1 - a) and max(0, 1 + a) (Lim and Ye 2017). 2 where it is undecided.
    - `least-squares`: (a - 1)² and a² (Mao et al. 2017). 0.5 where it is undecided.

    Args:
        real: the discriminator's logits of real pictures, (N,).
        fake: the same of generated pictures, (M,).
        objective: one of these three.
        real_target: what D is to answer on real pictures, in (0, 1]; below 1 it is never quite sure
            (one-sided label smoothing, Salimans et al. 2016). Cross-entropy only.

    Returns:
        A scalar, at least 0.
    """
    real, fake = real.float(), fake.float()
    if objective == "hinge":
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    if objective == "least-squares":
        return (real - 1).square().mean() + fake.square().mean()
    on_real = real_target * F.softplus(-real) + (1 - real_target) * F.softplus(real)
    return on_real.mean() + F.softplus(fake).mean()


def generator_loss(fake: Logits, objective: str = "cross-entropy") -> Tensor:
    """What the generator minimises, a mean over generated pictures.

    -log D(G(z)), the non-saturating objective, with cross-entropy: log 2 = 0.693 where the
    discriminator is undecided. -a with the hinge objective, (a - 1)² with least squares.

    Args:
        fake: the discriminator's logits of generated pictures, (N,).
        objective: as for `discriminator_loss`.

    Returns:
        A scalar; at least 0 but with the hinge objective.
    """
    fake = fake.float()
    if objective == "hinge":
        return -fake.mean()
    if objective == "least-squares":
        return (fake - 1).square().mean()
    return F.softplus(-fake).mean()


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
