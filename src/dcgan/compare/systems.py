"""The systems of the paper's tables, each as a function of the bench that gives its results."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier

from dcgan.baselines.cnn import SupervisedCNN, draw_trial
from dcgan.baselines.kmeans import KMeansFeatures
from dcgan.baselines.pixels import PixelFeatures
from dcgan.compare import digits
from dcgan.compare.bench import TAUGHT, Bench, Result, Vectored
from dcgan.config import NetworkConfig, plain
from dcgan.data.labelled import Labelled
from dcgan.data.loader import derive
from dcgan.data.pack import PackPart
from dcgan.errors import DCGANError, NotFiniteError
from dcgan.features.choosing import Fits, choose_c, draw
from dcgan.features.classifiers import L2SVM, require_finite
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
        seen = f", {model.images_seen:,} pictures seen" if model.images_seen else ""
        note = f"trained on {source}{seen}{bench.test_seen_by(model)}"
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
    maps = max(step.inner_maps for step in pyramid(config, config.d_width or config.width))
    facts = {"model": model.digest(), "network": plain(config)}
    found = bench.vectors(data, transformer, system="discriminator", **facts)
    return _by_svm(bench, data, found, title, maps, note)


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
    return [_by_svm(bench, data, found, "1 Layer K-means", bench.units, note)]


def pixels(bench: Bench) -> list[Result]:
    """The pixels themselves, and a linear SVM."""
    data = bench.data()
    found = bench.vectors(data, PixelFeatures(dtype="float16"), system="pixels")
    return [_by_svm(bench, data, found, "Pixels + L2-SVM", None, "in [-1, 1]")]


def knn(bench: Bench) -> list[Result]:
    """Nearest neighbours among few labels, of principal components."""
    data, found, question = _components(bench, "knn")
    few = bench.protocol.per_class
    start = bench.validation(data)
    pool, labels = found.train[start:], found.train_labels[start:]
    asked, answers = found.train[:start], found.train_labels[:start]

    def errors(neighbours: int) -> float:
        wrong = []
        for number in range(CHOOSING_DRAWS):
            rows = draw(labels, few, bench.seed, number)
            machine = KNeighborsClassifier(neighbours).fit(pool[rows], labels[rows])
            wrong.append(float((machine.predict(asked) != answers).mean()))
        return float(np.mean(wrong))

    possible = [number for number in NEIGHBOURS if number <= few * len(data.classes)]
    tried = [
        bench.notebook.answer(question | {"choose": k, "per class": few}, partial(errors, k))
        for k in possible
    ]
    best = possible[int(np.argmin(tried))]

    def error(rows: NDArray[np.int64], _: int) -> float:
        machine = KNeighborsClassifier(best).fit(pool[rows], labels[rows])
        return float((machine.predict(found.test) != found.test_labels).mean())

    wrong = bench.over_draws("KNN", question | {"neighbours": best}, labels, error)
    note = f"{best} nearest of {found.train.shape[1]} principal components, by validation"
    return [Result("KNN", None, wrong, None, None, note)]


def tsvm(bench: Bench) -> list[Result]:
    """A transductive SVM on few labels and many pictures without."""
    data, found, question = _components(bench, "tsvm")
    start, few = bench.validation(data), bench.protocol.per_class
    pool, labels = found.train[start:], found.train_labels[start:]

    def fitted(cost: float, rows: NDArray[np.int64], number: int) -> TransductiveSVM:
        lots = np.random.default_rng(derive(bench.seed, "unlabelled", number))
        others = np.setdiff1d(np.arange(len(labels)), rows)
        others = lots.permutation(others)[:MOST_UNLABELLED]
        given = np.concatenate([labels[rows], np.full(len(others), UNLABELLED)])
        machine = TransductiveSVM(cost, device=bench.device)
        return machine.fit(pool[np.concatenate([rows, others])], given)

    def validation(cost: float) -> float:
        machine = fitted(cost, draw(labels, few, bench.seed, 0), 0)
        return float((machine.predict(found.train[:start]) != found.train_labels[:start]).mean())

    tried = [
        bench.notebook.answer(
            question | {"choose": cost, "per class": few}, partial(validation, cost)
        )
        for cost in COSTS
    ]
    best = COSTS[int(np.argmin(tried))]

    def error(rows: NDArray[np.int64], number: int) -> float:
        machine = fitted(best, rows, number)
        return float((machine.predict(found.test) != found.test_labels).mean())

    draws = min(SLOW_DRAWS, bench.protocol.draws)
    wrong = bench.over_draws("TSVM", question | {"C": best}, labels, error, draws)
    others = min(MOST_UNLABELLED, len(labels))
    note = f"C = {best:g}, {draws} draws, about {others:,} pictures without labels"
    return [Result("TSVM", None, wrong, None, None, note)]


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
    wrong = bench.over_draws("Supervised CNN", asked, labels, error, draws)
    title = "Supervised CNN with the same architecture"
    note = f"the best of {bench.trials} trials by validation, which ends each of {draws} draws too"
    return [Result(title, None, wrong, None, tried[best], note)]


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


def _by_svm(
    bench: Bench, data: Labelled, found: Vectored, title: str, maps: int | None, note: str
) -> Result:
    """What an L2-SVM makes of vectors, with few labels, and with all if the protocol asks."""
    start, few = bench.validation(data), bench.protocol.per_class
    pool, labels = found.train[start:], found.train_labels[start:]
    require_finite(found.test)
    best = _choose(bench, found, start, few)
    question = {"vectors": found.name, "classifier": "L2-SVM"}

    def error(rows: NDArray[np.int64], cost: float) -> float:
        machine = L2SVM(device=bench.device)
        (answers,) = Fits(machine, pool[rows], labels[rows], found.test).answers([cost])
        return float((answers != found.test_labels).mean())

    wrong = bench.over_draws(
        title, question | {"C": best}, labels, lambda rows, _: error(rows, best)
    )
    note = f"{note}; C = {best:g}"
    if not bench.protocol.with_all:
        return Result(title, None, wrong, maps, None, note)
    cost = _choose(bench, found, start, None)

    def whole() -> float:
        logger.info(f"{title}: learning from all {len(found.train):,} labels.")
        machine = L2SVM(cost, device=bench.device).fit(found.train, found.train_labels)
        return float((machine.predict(found.test) != found.test_labels).mean())

    every = bench.notebook.answer(question | {"C": cost, "labels": "all"}, whole)
    return Result(title, every, wrong, maps, None, f"{note}, of all labels {cost:g}")


def _choose(bench: Bench, found: Vectored, start: int, per_class: int | None) -> float:
    """The cost of the SVM that answers the validation pictures best, the first ones."""

    def choose() -> float:
        rows = found.train[start:], found.train_labels[start:]
        asked = found.train[:start], found.train_labels[:start]
        options = {"per_class": per_class, "draws": CHOOSING_DRAWS, "seed": bench.seed}
        return choose_c(*rows, *asked, device=bench.device, **options).C  # type: ignore[arg-type]

    question = {"vectors": found.name, "choose": "C", "per class": per_class}
    return float(bench.notebook.answer(question, choose))


def _components(bench: Bench, system: str) -> tuple[Labelled, Vectored, dict[str, Any]]:
    """The pictures' principal components, and what answers about them depend on."""
    data = bench.data()
    info, pool = data.train.info, bench.pool(data)
    numbers = info.size.height * info.size.width * info.channels
    count = min(COMPONENTS, numbers, len(pool) - 1)
    found = bench.vectors(data, PixelFeatures(count), system="components", components=count)
    return data, found, {"vectors": found.name, "classifier": system}


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
