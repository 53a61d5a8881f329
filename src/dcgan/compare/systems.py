"""The systems of the paper's tables, each as a function of the bench that gives its results."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier

from dcgan.baselines.cnn import SupervisedCNN, draw_trial
from dcgan.baselines.kmeans import KMeansFeatures
from dcgan.baselines.pixels import PixelFeatures
from dcgan.compare import digits
from dcgan.compare.bench import TAUGHT, Bench, Part, Result, Vectored
from dcgan.config import NetworkConfig, plain
from dcgan.data.labelled import Labelled
from dcgan.data.loader import derive
from dcgan.data.pack import PackPart
from dcgan.errors import DCGANError, NotFiniteError
from dcgan.features.choosing import VALUES, Fits, choose_c, draw, rising
from dcgan.features.classifiers import L2SVM, require_finite
from dcgan.features.contract import ConvergenceWarning
from dcgan.features.extractor import DiscriminatorFeatures
from dcgan.features.transductive import UNLABELLED, TransductiveSVM
from dcgan.log import logger, progress
from dcgan.model import Model
from dcgan.networks import Discriminator, Generator, initialise, pyramid

COMPONENTS = 600
"""Of the pixels, for KNN and TSVM (Kingma et al. 2014)."""
NEIGHBOURS = (1, 3, 5, 9)
COSTS = (1e-4, 1e-3, 1e-2, 1e-1)
"""Of TSVM's rows, chosen by one draw."""
CHOOSING_DRAWS = 10
"""Draws of labels by which a setting is chosen (authors' SVHN script)."""
SLOW_DRAWS = 5
"""Draws that are tested where each takes minutes."""
MOST_UNLABELLED = 10_000
MOST_WATCHED = 2_000
"""Validation pictures that say when the supervised network's training ends."""


def dcgan(bench: Bench) -> list[Result]:
    """The paper's system, for each model: the discriminator's vectors, and a linear SVM.

    Raises:
        DCGANError: a model's features are not finite.
    """
    results = []
    for name, model in bench.models:
        title = "DCGAN + L2-SVM" + f": {name}" * (len(bench.models) > 1)
        source = model.notes.get("source", "unknown pictures")
        count = f"{model.images_seen:,}" if model.images_seen else "an unknown number of"
        seen = f"{count} pictures seen{bench.test_seen_by(model)}"
        note = f"{name}, of width {model.config.width}, trained on {source}, {seen}"
        try:
            results.append(_by_discriminator(bench, model, bench.data(model), title, note))
        except NotFiniteError as error:
            raise DCGANError(
                f"The features of the model {name} are NaN, infinite or too large for float16, in "
                "which they are kept here; leave it out, or train it anew."
            ) from error
    return results


def random(bench: Bench) -> list[Result]:
    """The same with a discriminator that learnt nothing."""
    model = random_model(replace(bench.shape, classes=0), bench.seed)
    title = "Discriminator of random weights + L2-SVM"
    return [_by_discriminator(bench, model, bench.data(), title, "the same shape, not trained")]


def random_model(config: NetworkConfig, seed: int) -> Model:
    """A model with initial weights."""
    rng = torch.Generator().manual_seed(derive(seed, "random weights", 0))
    networks = Generator(config), Discriminator(config)
    for network in networks:
        initialise(network.eval(), rng)
    return Model(*networks)


def _by_discriminator(bench: Bench, model: Model, data: Labelled, title: str, note: str) -> Result:
    config = model.config
    transformer = DiscriminatorFeatures(model, dtype="float16", device=bench.device)
    maps = max(step.inner_maps for step in pyramid(config))
    facts = {"model": model.digest(), "network": plain(config)}
    found = bench.vectors(data, transformer, system="discriminator", **facts)
    return _by_svm(bench, found, title, maps, note)


def kmeans(bench: Bench) -> list[Result]:
    """One layer of k-means, and a linear SVM."""
    data = bench.data()
    transformer = KMeansFeatures(
        bench.units,
        coder=bench.coder,
        seed=bench.seed,
        device=bench.device,
        dtype="float16",
    )
    facts = {"units": bench.units, "coder": bench.coder}
    found = bench.vectors(data, transformer, system="kmeans", **facts)
    note = f"{bench.units:,} maps, {bench.coder} code"
    return [_by_svm(bench, found, "1 Layer K-means", bench.units, note)]


def pixels(bench: Bench) -> list[Result]:
    """The pixels themselves, and a linear SVM."""
    data = bench.data()
    found = bench.vectors(data, PixelFeatures(dtype="float16"), system="pixels")
    return [_by_svm(bench, found, "Pixels + L2-SVM", None, "in [-1, 1]")]


def knn(bench: Bench) -> list[Result]:
    """Nearest neighbours among few labels, of principal components."""
    found, question = _components(bench, "knn")
    pool, few = found.pool, bench.protocol.per_class

    def error(neighbours: int, rows: NDArray[np.int64], asked: Part) -> float:
        return wrong(KNeighborsClassifier(neighbours).fit(*pool.of(rows)), asked)

    def validation(neighbours: int) -> float:
        draws = (draw(pool.labels, few, bench.seed, n) for n in range(CHOOSING_DRAWS))
        return float(np.mean([error(neighbours, rows, found.validation) for rows in draws]))

    known = few * len(bench.data().classes)
    best = bench.best(question, [n for n in NEIGHBOURS if n <= known], validation)
    errors = bench.over_draws(
        "KNN",
        question | {"neighbours": best},
        pool.labels,
        lambda rows, _: error(best, rows, found.test),
    )
    note = f"{best} nearest of {pool.vectors.shape[1]} principal components, by validation"
    return [Result("KNN", None, errors, None, None, note)]


def tsvm(bench: Bench) -> list[Result]:
    """A transductive SVM on few labels and many pictures without."""
    found, question = _components(bench, "tsvm")
    pool, few = found.pool, bench.protocol.per_class

    def fitted(cost: float, rows: NDArray[np.int64], number: int) -> TransductiveSVM:
        lots = np.random.default_rng(derive(bench.seed, "unlabelled", number))
        others = np.setdiff1d(np.arange(len(pool.labels)), rows)
        others = lots.permutation(others)[:MOST_UNLABELLED]
        given = np.concatenate([pool.labels[rows], np.full(len(others), UNLABELLED)])
        machine = TransductiveSVM(cost, device=bench.device)
        return machine.fit(pool.vectors[np.concatenate([rows, others])], given)

    shown = partial(draw, pool.labels, few, bench.seed, 0)
    best = bench.best(
        question, COSTS, lambda cost: wrong(fitted(cost, shown(), 0), found.validation)
    )
    draws = min(SLOW_DRAWS, bench.protocol.draws)
    errors = bench.over_draws(
        "TSVM",
        question | {"C": best},
        pool.labels,
        lambda rows, number: wrong(fitted(best, rows, number), found.test),
        draws,
    )
    others = min(MOST_UNLABELLED, len(pool.labels))
    note = f"C = {best:g}, {draws} draws, about {others:,} pictures without labels"
    return [Result("TSVM", None, errors, None, None, note)]


def cnn(bench: Bench) -> list[Result]:
    """The discriminator's shape taught by few labels alone, the best of many trials.

    Each training, of a trial as of a draw, ends by the same validation pictures.
    """
    shape = replace(bench.shape, classes=0)
    data = bench.data()
    pool, held_out = bench.pool(data), PackPart(data.train, np.arange(bench.validation(data)))
    labels, answers = data.labels(pool), data.labels(held_out)
    watched = PackPart(held_out, np.arange(min(MOST_WATCHED, len(held_out))))
    question = bench.question(data, system="cnn", network=plain(shape))

    def taught(number: int, rows: NDArray[np.int64]) -> SupervisedCNN:
        options: dict[str, Any] = draw_trial(bench.seed, number)._asdict()
        machine = SupervisedCNN(shape, seed=bench.seed, device=bench.device, **options)
        return machine.fit(PackPart(pool, rows), labels[rows], watched, answers[: len(watched)])

    def trial(number: int) -> tuple[float, int]:
        made = taught(number, draw(labels, bench.protocol.per_class, bench.seed, 0))
        return made.error(held_out, answers), made.epochs_

    tried = _tried(bench, question, trial)
    best = int(np.argmin(tried))

    def error(rows: NDArray[np.int64], _: int) -> float:
        return taught(best, rows).error(data.test, data.labels(data.test))

    draws = min(SLOW_DRAWS, bench.protocol.draws)
    asked = question | {"best trial": best} | TAUGHT
    errors = bench.over_draws("Supervised CNN", asked, labels, error, draws)
    title = "Supervised CNN with the same architecture"
    note = f"the best of {bench.trials} trials by validation, which ends each of {draws} draws too"
    return [Result(title, None, errors, None, tried[best], note)]


def _tried(
    bench: Bench, question: dict[str, Any], trial: Callable[[int], tuple[float, int]]
) -> list[float]:
    """The validation error of each trial; written down with it is after how many passes."""
    found: list[float] = []
    with progress("Trials", bench.trials, unit="trials") as bar:
        for number in range(bench.trials):
            asked = question | {"per class": bench.protocol.per_class, "trial": number}
            error, _ = bench.notebook.answer(asked, partial(trial, number))
            found.append(error)
            bar.update(number + 1, f"best {min(found):.2%}")
    return found


def _by_svm(bench: Bench, found: Vectored, title: str, maps: int | None, note: str) -> Result:
    """What an L2-SVM makes of vectors, with few labels, and with all if the protocol asks."""
    require_finite(found.test.vectors)
    question = {"vectors": found.name, "classifier": "L2-SVM"}
    best, gaps = _choose_of_few(bench, found, title), list[float]()

    def error(rows: NDArray[np.int64], _: int) -> float:
        fits = Fits(L2SVM(device=bench.device), *found.pool.of(rows), found.test.vectors)
        (share,) = fits.errors([best], found.test.labels)
        gaps.append(fits.gap)
        return share

    few = bench.over_draws(title, question | {"C": best}, found.pool.labels, error)
    _say_gap(title, max(gaps, default=0.0))
    note = f"{note}; C = {best:g}"
    if not bench.protocol.with_all:
        return Result(title, None, few, maps, None, note)
    cost = _choose_of_all(bench, found, title)

    def whole() -> tuple[float, float]:
        logger.info(f"{title}: learning from all {len(found.train.labels):,} labels.")
        with _silent():
            machine = L2SVM(cost, device=bench.device).fit(*found.train)
        return wrong(machine, found.test), float(machine.gap_.max())

    asked = question | {"C": cost, "labels": "all", "with": "gap"}
    every, gap = bench.notebook.answer(asked, whole)
    _say_gap(title, gap)
    ended = f", up to {gap:.2%} above its minimum" * (gap > L2SVM().tol)
    return Result(title, every, few, maps, None, f"{note}, of all labels {cost:g}{ended}")


def _choose_of_few(bench: Bench, found: Vectored, title: str) -> float:
    """The cost of the SVM that answers the validation pictures best, taught by few labels."""
    few = bench.protocol.per_class

    def choose() -> float:
        options: dict[str, Any] = {"per_class": few, "draws": CHOOSING_DRAWS, "seed": bench.seed}
        with _silent():
            choice = choose_c(*found.pool, *found.validation, device=bench.device, **options)
        _say_gap(title, choice.gap)
        return choice.C

    question = {"vectors": found.name, "choose": "C", "per class": few}
    return float(bench.notebook.answer(question, choose))


def _choose_of_all(bench: Bench, found: Vectored, title: str) -> float:
    """The same of all labels; the error of each value is an answer of its own, as it takes minutes.

    Each fit begins where the one before it ended, if that was no earlier answer.
    """
    question = {"vectors": found.name, "choose": "C", "per class": None}

    @cache
    def fits() -> Fits:
        return Fits(L2SVM(device=bench.device), *found.pool, found.validation.vectors)

    def error(value: float) -> float:
        (share,) = fits().errors([value], found.validation.labels)
        _say_gap(f"{title}, C = {value:g}", fits().gap)
        return share

    def asked(value: float) -> float:
        return float(bench.notebook.answer(question | {"C": value}, partial(error, value)))

    def choose() -> float:
        return VALUES[int(np.argmin(rising(VALUES, asked)))]

    return float(bench.notebook.answer(question, choose))


def wrong(machine: Any, asked: Part) -> float:
    """The share of pictures whose class a classifier does not tell."""
    return float((machine.predict(asked.vectors) != asked.labels).mean())


def _silent() -> "warnings.catch_warnings[None]":
    """Within, scikit-learn's warning of a gap is left out, as `_say_gap` says it."""
    return warnings.catch_warnings(action="ignore", category=ConvergenceWarning)


def _say_gap(title: str, gap: float) -> None:
    """Says so if an SVM may have ended too far above the minimum of its objective."""
    if gap > L2SVM().tol:
        logger.info(f"{title}: the SVM ended up to {gap:.2%} above its minimum.")


def _components(bench: Bench, system: str) -> tuple[Vectored, dict[str, Any]]:
    """The pictures' principal components, and what answers about them depend on."""
    data = bench.data()
    info, pool = data.train.info, bench.pool(data)
    numbers = info.size.height * info.size.width * info.channels
    count = min(COMPONENTS, numbers, len(pool) - 1)
    found = bench.vectors(data, PixelFeatures(count), system="components", components=count)
    return found, {"vectors": found.name, "classifier": system}


SYSTEMS: dict[str, Callable[[Bench], list[Result]]] = {
    "cnn": cnn,
    "conditional": digits.conditional,
    "dcgan": dcgan,
    "gan": digits.gan,
    "kmeans": kmeans,
    "knn": knn,
    "pixels": pixels,
    "random": random,
    "real": digits.real,
    "tsvm": tsvm,
}
