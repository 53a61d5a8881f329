"""The tables end to end on small labelled pictures, and the sentences for bad input."""

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import dcgan
from dcgan.baselines.cnn import SupervisedCNN
from dcgan.baselines.kmeans import KMeansFeatures
from dcgan.cli import main
from dcgan.compare import comparing, systems
from dcgan.compare.bench import Bench, Result
from dcgan.compare.comparing import compare
from dcgan.compare.notebook import Notebook
from dcgan.compare.protocols import OWN, PROTOCOLS, Protocol, Row
from dcgan.compare.tables import Line, cells, measured
from dcgan.config import NetworkConfig
from dcgan.data.labelled import labelled
from dcgan.errors import DCGANError
from dcgan.features.choosing import draw
from dcgan.features.classifiers import L2SVM
from dcgan.features.extractor import DiscriminatorFeatures
from dcgan.locks import alone
from dcgan.size import Size
from tests.features.conftest import scaled, untrained


def paint(folder: Path, count: int, seed: int) -> None:
    """Noisy pictures of 16x16 in two classes, one brighter on the left."""
    rng = np.random.default_rng(seed)
    for number, name in enumerate(("left", "right")):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            pixels = rng.integers(0, 200, (16, 16, 3), np.uint8)
            pixels[:, 8 * number : 8 * number + 8] += 50
            Image.fromarray(pixels).save(folder / name / f"{index:03}.png")


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sides")
    paint(folder / "train", 40, 0)
    paint(folder / "test", 20, 1)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("model") / "small.safetensors"
    untrained(NetworkConfig(size=Size(16, 16), width=4, latent_dim=6)).save(file)
    return file


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow systems in small."""

    def few_patches(units: int, **options: Any) -> Any:
        return KMeansFeatures(units, **options, patch=5, patches=500, iterations=2)

    def few_epochs(*arguments: Any, **options: Any) -> Any:
        return SupervisedCNN(*arguments, **{"epochs": 6, **options})

    monkeypatch.setattr(systems, "KMeansFeatures", few_patches)
    monkeypatch.setattr(systems, "SupervisedCNN", few_epochs)


@pytest.mark.usefixtures("small")
def test_all_rows_on_own_pictures(sides: Path, model: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"per_class": 12, "draws": 3, "units": 6, "trials": 2}
    made = compare(sides, models=[model], out=tmp_path / "out", device="cpu", **options)
    found = {line.title: line.results[0] for line in made.lines}
    assert len(found) == len(OWN.rows) == 7
    for result in found.values():
        assert all(0 <= error <= 1 for error in result.few_labels)
    pixels = found["Pixels + L2-SVM"]
    assert len(pixels.few_labels) == 3
    assert pixels.all_labels is not None
    assert pixels.all_labels < 0.2  # the classes are there to be told apart
    text = (tmp_path / "out" / comparing.MARKDOWN).read_text()
    assert text.startswith("Accuracy (12 labels per class) [maps]\n\n| system | paper | measured ")
    assert "-train, 16x16 in colour, 2 classes by `class`: 80 pictures to learn from" in text
    assert "Labels per class: 12; the mean over 3 draws" in text
    assert "For choosing settings are kept, by lot, 16 of the pictures" in text
    content = json.loads((tmp_path / "out" / comparing.JSON).read_text())
    assert [row["title"] for row in content["rows"]] == list(found)
    assert content["rows"][0]["results"][0]["few_labels"] == list(
        found["DCGAN + L2-SVM"].few_labels
    )


def test_what_is_measured_is_what_is_said(sides: Path, model: Path, tmp_path: Path) -> None:
    """The row of the paper, written out with scikit-learn's contract alone."""
    options: dict[str, Any] = {"per_class": 8, "draws": 2, "rows": "dcgan", "device": "cpu"}
    line, *_ = compare(sides, models=[model], out=tmp_path / "out", **options).lines
    (result,) = line.results
    bench = Bench(str(sides), OWN, Notebook(tmp_path / "other"))
    data = bench.data()
    assert (bench.validation(data), len(bench.pool(data))) == (16, 64)
    transformer = DiscriminatorFeatures(model, dtype="float16", device="cpu")
    transformer.fit(bench.pool(data))
    pool, labels = transformer.transform(bench.pool(data)), data.labels(bench.pool(data))
    test, answers = transformer.transform(data.test), data.labels(data.test)
    cost = float(result.note.split("C = ")[1].split(",")[0])
    for number, error in enumerate(result.few_labels):
        rows = draw(labels, 8, 43, number)
        machine = L2SVM(cost, device="cpu").fit(pool[rows], labels[rows])
        assert (machine.predict(test) != answers).mean() == pytest.approx(error)


def test_the_same_command_measures_nothing_twice(
    sides: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"per_class": 8, "draws": 3, "rows": "pixels", "device": "cpu"}
    fits = []
    fit = L2SVM.fit

    def counted(machine: L2SVM, *arguments: Any) -> Any:
        fits.append(1)
        return fit(machine, *arguments)

    answers = []

    def stopped(bench: Bench) -> list[Result]:
        kept = bench.notebook.answer

        def answer(question: dict[str, Any], find: Any) -> Any:
            answers.append(question)
            if question.get("draw") == 2:
                raise KeyboardInterrupt
            return kept(question, find)

        bench.notebook.answer = answer  # type: ignore[method-assign]
        return systems.pixels(bench)

    monkeypatch.setattr(L2SVM, "fit", counted)
    monkeypatch.setitem(systems.SYSTEMS, "pixels", stopped)
    with pytest.raises(KeyboardInterrupt):
        compare(sides, out=tmp_path, **options)
    monkeypatch.setitem(systems.SYSTEMS, "pixels", systems.pixels)
    lines = (tmp_path / "measured.jsonl").read_text().splitlines()
    assert len(lines) == 3  # C, and two of the draws
    first = compare(sides, out=tmp_path, **options)
    after = (tmp_path / "measured.jsonl").read_text().splitlines()
    assert after[:3] == lines
    fitted = len(fits)
    assert compare(sides, out=tmp_path, **options).lines == first.lines
    assert len(fits) == fitted
    assert (tmp_path / "measured.jsonl").read_text().splitlines() == after


def test_stopped_before_the_first_answer(
    sides: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table stands there by then, and the folder is known as our own."""
    options: dict[str, Any] = {"per_class": 8, "draws": 1, "rows": "pixels", "device": "cpu"}
    with monkeypatch.context() as patch:

        def stopped(*_: Any) -> None:
            raise KeyboardInterrupt

        patch.setattr(Notebook, "vectors", stopped)
        with pytest.raises(KeyboardInterrupt):
            compare(sides, out=tmp_path, **options)
    assert (tmp_path / "table.md").exists()
    lines = compare(sides, out=tmp_path, **options).lines
    assert [line.title for line in lines if line.results] == ["Pixels + L2-SVM"]


def test_each_value_of_c_on_all_labels_is_kept(
    sides: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"per_class": 8, "draws": 1, "rows": "pixels", "device": "cpu"}
    file, kept = tmp_path / "out" / "measured.jsonl", Notebook.answer
    whole = compare(sides, out=tmp_path / "whole", **options)

    def values() -> list[float]:
        asked = [json.loads(line)["question"] for line in file.read_text().splitlines()]
        return [q["C"] for q in asked if "choose" in q and "C" in q]

    def stopping(notebook: Notebook, question: dict[str, Any], find: Any) -> Any:
        if question.get("C") == 5e-4 and "choose" in question:
            raise KeyboardInterrupt
        return kept(notebook, question, find)

    with monkeypatch.context() as patch:
        patch.setattr(Notebook, "answer", stopping)
        with pytest.raises(KeyboardInterrupt):
            compare(sides, out=tmp_path / "out", **options)
    assert values() == [1e-4, 2e-4]
    assert compare(sides, out=tmp_path / "out", **options).lines[5][:3] == whole.lines[5][:3]
    assert values()[:3] == [1e-4, 2e-4, 5e-4]
    assert len(set(values())) == len(values())


def test_what_was_chosen_before_each_value_was_kept_stays(sides: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"per_class": 8, "draws": 1, "rows": "pixels", "device": "cpu"}
    first = compare(sides, out=tmp_path, **options)
    file = tmp_path / "measured.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    lines = [line for line in lines if '"C": ' not in line or '"choose"' not in line]
    file.write_text("".join(lines))
    assert compare(sides, out=tmp_path, **options).lines == first.lines
    assert file.read_text() == "".join(lines)


def test_an_svm_that_ended_early_says_so_in_its_row(
    sides: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(systems, "L2SVM", partial(L2SVM, solver="blocks", max_iter=1))
    options: dict[str, Any] = {"per_class": 8, "draws": 2, "rows": "pixels", "device": "cpu"}
    with caplog.at_level("INFO", "dcgan"):
        line = compare(sides, out=tmp_path, **options).lines[5]
    said = r"of all labels [0-9.e-]+, up to [0-9.]+% above its minimum$"
    assert re.search(said, line.results[0].note)
    said = r"Pixels \+ L2-SVM: the SVM ended up to [0-9.]+% above its minimum"
    assert re.search(said, caplog.text)


def test_the_note_names_the_model(sides: Path, model: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"per_class": 8, "draws": 1, "rows": "dcgan", "device": "cpu"}
    unknown = replace(dcgan.load(model), images_seen=0, notes={})
    made = compare(sides, models=[model, unknown], out=tmp_path, **options)
    known, other = (result.note for result in made.lines[0].results)
    assert known.startswith(f"{model}, of width 4, trained on faces, 64 pictures seen; C = ")
    start = "model 2, of width 4, trained on unknown pictures, an unknown number of pictures seen"
    assert other.startswith(start)


def test_a_table_of_the_paper(sides: Path, model: Path, tmp_path: Path) -> None:
    """Two models are two rows; what is not here says so."""
    runner = CliRunner()
    command = f"compare svhn --data {sides} --model {model} --model {model} --per-class 8"
    command += f" --draws 2 --out {tmp_path / 'out'} --device cpu --rows dcgan"
    ended = runner.invoke(main, command.split(), catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    text = (tmp_path / "out" / "table.md").read_text()
    assert text.count(f"| DCGAN + L2-SVM: {model} | 22.48% |") == 2
    assert "± 1.96 times their standard deviation" in text
    assert "Table 2: SVHN, error with 8 labels per class" in ended.output


def test_systems_that_are_not_here_say_so(sides: Path, tmp_path: Path) -> None:
    bench = Bench(str(sides), PROTOCOLS["cifar10"], Notebook(tmp_path))
    lines = comparing.open_lines(bench, {"kmeans"}, tmp_path)
    said = {line.title: line.missing for line in lines}
    assert said["Exemplar CNN"] == "not here yet"
    assert said["DCGAN + L2-SVM"] == "needs --model"
    assert said["1 Layer K-means"] == "not measured"
    (row,) = cells(lines[3], PROTOCOLS["cifar10"])
    assert row == ("Exemplar CNN", "84.3% (77.4% ±0.2%) [1,024]", "not here yet", "")


def test_results_in_the_papers_form() -> None:
    result = Result("X", 0.172, (0.26, 0.264), 512, None, "note")
    assert measured(result, PROTOCOLS["cifar10"]) == "82.80% (73.80% ±0.28%) [512]"
    result = Result("X", None, (0.22, 0.23, 0.24), 512, 0.2887, "note")
    assert measured(result, PROTOCOLS["svhn"]) == "23.00% ±1.96%; validation 28.87%"
    alone = Line("X", "-", (Result("X", None, (0.03,), None, None, ""),), "")
    assert cells(alone, PROTOCOLS["mnist"]) == [("X", "-", "3.00%", "")]


def test_every_row_with_a_name_has_a_system() -> None:
    rows: list[Row] = [row for protocol in (*PROTOCOLS.values(), OWN) for row in protocol.rows]
    assert {row.system for row in rows if row.system} == set(systems.SYSTEMS)


@pytest.mark.parametrize("protocol", [*PROTOCOLS.values(), OWN])
def test_without_a_model_the_protocol_gives_the_shape(
    protocol: Protocol, sides: Path, tmp_path: Path
) -> None:
    shape = Bench(str(sides), protocol, Notebook(tmp_path)).shape
    assert (shape.size, shape.channels, shape.classes) == (Size(16, 16), 3, 0)


@pytest.mark.parametrize(
    ("place", "options", "words"),
    [
        (
            "svhn",
            {},
            "`svhn` is a table of the paper; name the source of its pictures, wi",
        ),
        ("sides", {"data": "x"}, "--data goes with cifar10 or svhn or mnist alone"),
        ("sides", {"rows": "dcgam"}, "There is no row 'dcgam'. Did you mean 'dcgan'?"),
        ("sides", {"per_class": 0}, r"`per_class` \(=0\) must be a whole number"),
        ("sides", {"trials": 0}, r"`trials` \(=0\) must be a whole number"),
        (
            "sides",
            {"per_class": 50},
            "of (left|right) there are 3[0-9] pictures to draw .*; give --per-class 3[0-9] or less",
        ),
        ("sides", {"models": ["nowhere"]}, "There is no model file nowhere"),
        ("sides", {"labels": "colour"}, "no label column 'colour'"),
        ("sides", {"out": "sides/train/out"}, "lies within the source"),
        ("sides", {"rows": "knn,dcgan"}, "The row 'dcgan' needs a model; give one with --model"),
        ("sides", {"device": "nonsense"}, "nonsense"),
        ("sides", {"per_class": 2.5}, r"`per_class` \(=2.5\) must be a whole number, 1 or more"),
        (
            "sides",
            {"units": 7, "coder": "threshold", "per_class": 8},
            r"`units` \(=7\) must be even with the coder 'threshold'",
        ),
        ("sides", {"coder": "circle", "per_class": 8}, "There is no coder 'circle'. Possible: tri"),
        ("mnist", {"draws": 3, "data": "x"}, r"`draws` \(=3\) is not for mnist: no labels are"),
    ],
)
def test_bad_input(
    place: str, options: dict[str, Any], words: str, sides: Path, tmp_path: Path
) -> None:
    if "out" in options:
        options = {"out": sides / "train" / "out"}
    where = sides if place == "sides" else place
    with pytest.raises(DCGANError, match=words):
        compare(where, **{"out": tmp_path / "out", **options})


def test_a_model_with_classes_is_refused(sides: Path, tmp_path: Path) -> None:
    network = NetworkConfig(size=Size(16, 16), width=4, latent_dim=6, classes=2)
    untrained(network).save(tmp_path / "m.safetensors")
    with pytest.raises(DCGANError, match="learnt without labels need a model without classes"):
        compare(sides, models=[tmp_path / "m.safetensors"], per_class=4, out=tmp_path / "out")


def test_rows_that_were_not_asked_for_stay(sides: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"per_class": 8, "draws": 2, "device": "cpu", "out": tmp_path}
    first = {line.title: line for line in compare(sides, rows="pixels", **options).lines}
    second = {line.title: line for line in compare(sides, rows="knn", **options).lines}
    assert second["Pixels + L2-SVM"] == first["Pixels + L2-SVM"]
    assert first["KNN"].missing == second["TSVM"].missing == "not measured"
    assert second["KNN"].results
    other = {
        line.title: line for line in compare(sides, rows="knn", **options | {"draws": 3}).lines
    }
    assert other["Pixels + L2-SVM"].missing == "not measured"


def test_rows_of_other_lots_or_shapes_do_not_stay(sides: Path, model: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"per_class": 8, "draws": 2, "device": "cpu", "out": tmp_path}
    compare(sides, rows="pixels,random", models=[model], **options)
    wide = untrained(NetworkConfig(size=Size(16, 16), width=8, latent_dim=6))
    found = {
        line.title: line.missing
        for line in compare(sides, rows="dcgan", models=[wide], **options)[0]
    }
    assert found["Pixels + L2-SVM"] == ""
    assert found["Discriminator of random weights + L2-SVM"] == "not measured"
    found = {line.title: line.missing for line in compare(sides, rows="knn", seed=7, **options)[0]}
    assert found["Pixels + L2-SVM"] == "not measured"


@pytest.mark.usefixtures("small")
def test_tsvm_and_cnn_choose_by_themselves(sides: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"per_class": 8, "draws": 2, "trials": 2, "device": "cpu"}
    compare(sides, rows="tsvm,cnn", out=tmp_path, **options)
    asked = [json.loads(x) for x in (tmp_path / "measured.jsonl").read_text().splitlines()]
    chosen = {q["choose"]: line["answer"] for line in asked if "choose" in (q := line["question"])}
    assert set(chosen) == set(systems.COSTS)
    (best,) = {q["C"] for line in asked if "C" in (q := line["question"])}
    assert chosen[best] == min(chosen.values())
    trials = [line["answer"] for line in asked if "trial" in line["question"]]
    assert [epochs in (3, 6) for _, epochs in trials] == [True, True]


@pytest.mark.usefixtures("small")
def test_draws_of_the_cnn_end_by_validation_as_its_trials_do(
    sides: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[tuple[int, int]] = []
    fit = SupervisedCNN.fit

    def counted(machine: SupervisedCNN, *given: Any) -> SupervisedCNN:
        shown, labels, watched, answers = given
        fitted.append((len(shown), len(watched)))
        assert len(labels) == len(shown)
        assert len(answers) == len(watched)
        return fit(machine, *given)

    monkeypatch.setattr(SupervisedCNN, "fit", counted)
    options: dict[str, Any] = {"per_class": 8, "draws": 2, "trials": 3, "device": "cpu"}
    made = compare(sides, rows="cnn", out=tmp_path, **options)
    assert fitted == [(16, 16)] * (3 + 2)
    (row,) = [line for line in made.lines if line.results]
    words = "the best of 3 trials by validation, which ends each of 2 draws too"
    assert row.results[0].note == words


@pytest.mark.usefixtures("small")
def test_answers_about_draws_of_a_fixed_length_are_not_taken(sides: Path, tmp_path: Path) -> None:
    """Those about trials are, as these did not change."""
    options: dict[str, Any] = {"per_class": 8, "draws": 2, "trials": 2, "device": "cpu"}
    first = compare(sides, rows="cnn", out=tmp_path, **options)
    file = tmp_path / "measured.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        if line["question"].pop("draws end", None):
            line["answer"] = 0.999
    trials = [line["question"] for line in lines if "trial" in line["question"]]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert compare(sides, rows="cnn", out=tmp_path, **options).lines == first.lines
    added = file.read_text().splitlines()[len(lines) :]
    assert [json.loads(line)["question"]["draw"] for line in added] == [0, 1]
    assert len(trials) == 2


def test_the_coder_of_k_means(sides: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    command = f"compare {sides} --rows kmeans --units 6 --coder threshold --per-class 8 --draws 1"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(systems, "KMeansFeatures", partial(KMeansFeatures, patches=500, iterations=2))
        ended = runner.invoke(main, [*command.split(), "--device", "cpu", "--out", str(tmp_path)])
    assert ended.exit_code == 0, ended.output
    assert "6 maps, threshold code" in (tmp_path / "table.md").read_text()


def test_nothing_of_others_is_replaced(sides: Path, tmp_path: Path) -> None:
    for name in ("table.md", "table.json"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(DCGANError, match=f"{name} is there already and is none of ours"):
            compare(sides, rows="pixels", per_class=8, out=tmp_path)
        assert (tmp_path / name).read_text() == "mine"
        (tmp_path / name).unlink()
    (tmp_path / "measured.jsonl").write_text("important\n")
    with pytest.raises(DCGANError, match="measured.jsonl is there already and is none of ours"):
        compare(sides, rows="pixels", per_class=8, out=tmp_path)
    assert (tmp_path / "measured.jsonl").read_text() == "important\n"


def test_one_process_at_a_time(sides: Path, tmp_path: Path) -> None:
    with (
        alone(tmp_path / ".lock", ""),
        pytest.raises(DCGANError, match=r"Another process is measuring into .* with --out\."),
    ):
        compare(sides, rows="pixels", per_class=5, out=tmp_path, device="cpu")
    assert not list(tmp_path.glob("table*"))


def test_a_bad_source_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match="There is no folder or archive"):
        compare(tmp_path / "nowhere", out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_saw_the_test_pictures_says_so(tmp_path: Path) -> None:
    paint(tmp_path / "whole", 40, 0)
    network = NetworkConfig(size=Size(16, 16), width=4, latent_dim=6)
    made = untrained(network)
    made.notes = {"source": "whole", "digest": labelled(tmp_path / "whole").test.info.digest}
    made.save(tmp_path / "m.safetensors")
    options: dict[str, Any] = {"per_class": 8, "draws": 2, "rows": "dcgan", "device": "cpu"}
    made_of = compare(
        tmp_path / "whole", models=[tmp_path / "m.safetensors"], out=tmp_path / "out", **options
    )
    (result,) = made_of.lines[0].results
    assert "trained on whole, 64 pictures seen, the test pictures among them" in result.note


def test_a_model_that_may_have_seen_the_test_pictures_says_so(sides: Path, tmp_path: Path) -> None:
    """One that was trained on a folder of both splits knows it by its name alone."""
    made = untrained(NetworkConfig(size=Size(16, 16), width=4, latent_dim=6))
    bench = Bench(str(sides), OWN, Notebook(tmp_path))
    assert bench.test_seen_by(made) == ""
    made.notes = {"source": "sides0", "digest": "another"}
    assert sides.name == "sides0"
    said = ", the test pictures among them if that was all of sides0"
    assert bench.test_seen_by(made) == said
    made.notes["source"] = bench.data().train.info.name
    assert bench.test_seen_by(made) == ""


def test_another_seed_or_count_is_measured_anew(sides: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"rows": "pixels", "draws": 2, "device": "cpu", "out": tmp_path}
    lines, changes = 0, [{"per_class": 8}, {"per_class": 9}, {"per_class": 8, "seed": 1}]
    for changed in changes:
        compare(sides, **options | changed)
        found = len((tmp_path / "measured.jsonl").read_text().splitlines())
        assert found > lines
        lines = found


def test_damaged_vectors_are_made_anew(sides: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"rows": "pixels", "draws": 1, "device": "cpu", "out": tmp_path}
    compare(sides, per_class=8, **options)
    for file in (tmp_path / "vectors").iterdir():
        file.write_bytes(file.read_bytes()[:20])
    compare(sides, per_class=9, **options)
    assert all(len(file.read_bytes()) > 20 for file in (tmp_path / "vectors").iterdir())


def test_models_and_rows_as_python_has_them(sides: Path, model: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"per_class": 8, "draws": 1, "device": "cpu"}
    one = compare(sides, models=dcgan.load(model), rows=["dcgan"], out=tmp_path / "a", **options)
    other = compare(sides, models=str(model), rows="dcgan", out=tmp_path / "b", **options)
    (found,), (wanted,) = one.lines[0].results, other.lines[0].results
    assert found == wanted._replace(note=found.note)
    assert found.note == wanted.note.replace(str(model), "model 1")


@pytest.mark.parametrize("factor", [float("nan"), 1e9])
def test_features_that_are_not_finite(
    sides: Path, model: Path, factor: float, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.safetensors"
    scaled(dcgan.load(model), factor).save(broken)
    options: dict[str, Any] = {"per_class": 8, "draws": 1, "rows": "dcgan", "device": "cpu"}
    words = f"features of the model {broken} are NaN, infinite or too large for float16, .*leave it"
    with pytest.raises(DCGANError, match=words):
        compare(sides, models=[model, broken], out=tmp_path / "out", **options)
    assert len(list((tmp_path / "out" / "vectors").iterdir())) == 2  # of the sound one
    assert compare(sides, models=[model], out=tmp_path / "out", **options).lines[0].results


def test_names_are_no_markup(
    sides: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m[").mkdir()
    odd = tmp_path / "m[" / "x].safetensors"
    odd.write_bytes(model.read_bytes())
    command = ["compare", str(sides), "--model", str(odd), "--model", str(model), "--rows", "dcgan"]
    command += ["--per-class", "8", "--draws", "1", "--device", "cpu"]
    ended = CliRunner().invoke(main, command, catch_exceptions=False)
    assert ended.exit_code == 0
    assert "[maps]" in ended.output
    assert (tmp_path / "comparisons").is_dir()


def test_it_is_there(sides: Path) -> None:
    assert dcgan.compare is compare
