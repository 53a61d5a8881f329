"""The authors' parameters round, against true convolutions, and folders that are none of theirs."""

import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray
from scipy.signal import convolve2d
from torch import nn

import dcgan
from dcgan.cli import main
from dcgan.config import NetworkConfig
from dcgan.data.packing import matching_pack
from dcgan.errors import DCGANError
from dcgan.images import to_floats
from dcgan.model import load
from dcgan.networks import Discriminator, Generator, count_parameters, initialise
from dcgan.published import import_published, read_list
from dcgan.size import Size
from tests.conftest import drawn_picture

Array = NDArray[np.float64]
LISTS = ("30_gen_params.jl", "30_discrim_params.jl")
SMALL = NetworkConfig(
    size=Size(16, 16), width=2, latent_dim=3, kernel_size=5, input_bias=False, prior="normal"
)


def made(config: NetworkConfig) -> tuple[Generator, Discriminator]:
    """Networks with weights that are all different."""
    rng = torch.Generator().manual_seed(0)
    generator, discriminator = Generator(config), Discriminator(config)
    for network in (generator, discriminator):
        initialise(network, rng)
        for parameter in network.parameters():
            parameter.data += torch.empty_like(parameter).normal_(0, 0.2, generator=rng)
    return generator, discriminator


def as_theano(parameter: torch.Tensor) -> NDArray[np.float32]:
    """Dense weights as (in, out), kernels turned by 180 degrees."""
    array = parameter.detach().numpy()
    return np.ascontiguousarray(array[..., ::-1, ::-1] if array.ndim == 4 else array.T)


def listing(names: list[str]) -> bytes:
    """The list that joblib wrote under Python 2, with its memo."""

    def text(word: str) -> bytes:
        return b"U" + struct.pack("B", len(word)) + word.encode()

    wrapper = b"csklearn.externals.joblib.numpy_pickle\nNDArrayWrapper\nq\x01"
    state = text("allow_mmap") + b"q\x04\x88" + text("subclass") + b"q\x05"
    state += b"cnumpy\nndarray\nq\x06" + text("filename") + b"q\x07"
    data, memo = b"\x80\x02]q\x00(", 1
    for name in names:
        own, attributes, last = (struct.pack("B", memo + n) for n in (1, 2, 7 if memo == 1 else 3))
        data += wrapper + b")\x81q" + own + b"}q" + attributes + b"("
        data += state + text(name) + b"q" + last + b"ub"
        # From the second on, what was written before is only referred to.
        wrapper, state, memo = b"h\x01", b"h\x04\x88h\x05h\x06h\x07", last[0]
    return data + b"e."


def write_network(path: Path, network: nn.Module) -> None:
    names = []
    for number, parameter in enumerate(network.parameters(), start=1):
        names.append(f"{path.name}_{number:02}.npy")
        np.save(path.parent / names[-1], as_theano(parameter))
    path.write_bytes(listing(names))


def write_folder(folder: Path, config: NetworkConfig) -> tuple[Generator, Discriminator]:
    folder.mkdir()
    networks = made(config)
    for name, network in zip(LISTS, networks, strict=True):
        write_network(folder / name, network)
    return networks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(tmp_path / "small_dcgan", SMALL)
    return tmp_path / "small_dcgan"


@pytest.mark.parametrize(
    "options",
    [
        {"size": Size(64, 64), "latent_dim": 7, "kernel_size": 5},  # as the paper's LSUN and faces
        {"size": Size(32, 32), "latent_dim": 9, "kernel_size": 3, "convolutions": 2},  # ImageNet
        {"size": Size(32, 32), "latent_dim": 5, "kernel_size": 5, "prior": "normal"},  # SVHN
        {"size": Size(28, 28), "channels": 1, "kernel_size": 5},
        {"size": Size(8, 8), "kernel_size": 3, "convolutions": 2},
        {"size": Size(24, 24), "kernel_size": 4, "affine": False},
    ],
)
def test_round_trip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, object]
) -> None:
    """The networks come out as those that were written, bit for bit, and so does their shape."""
    monkeypatch.setattr("dcgan.model.CALIBRATION_BATCHES", 2)  # to be quick
    config = NetworkConfig(width=2, input_bias=False, **options)  # type: ignore[arg-type]
    networks = write_folder(tmp_path / "published", config)
    model = import_published(
        tmp_path / "published", tmp_path / "model.safetensors", prior=config.prior
    )
    assert model.config == config
    for before, after in zip(networks, (model.generator, model.discriminator), strict=True):
        parameters = dict(after.named_parameters())
        for name, parameter in before.named_parameters():
            assert torch.equal(parameter, parameters[name]), name
    again = load(tmp_path / "model.safetensors")
    assert again.config == config
    assert torch.equal(again.sample(range(8)), model.sample(range(8)))
    assert all(tensor.isfinite().all() for tensor in again.discriminator.state_dict().values())


def true_convolution(x: Array, kernels: Array, stride: int) -> Array:
    """(N, C, H, W) with kernels (O, C, k, k) as Theano convolves, by SciPy: (N, O, H', W')."""
    edge = kernels.shape[-1] // 2
    x = np.pad(x, [(0, 0), (0, 0), (edge, edge), (edge, edge)])
    planes = [
        [
            sum(convolve2d(p, k, mode="valid") for p, k in zip(picture, kernel, strict=True))
            for kernel in kernels
        ]
        for picture in x
    ]
    return np.array(planes)[:, :, ::stride, ::stride]


def deconvolution(y: Array, kernels: Array, stride: int) -> Array:
    """The transpose of that map, (N, O, H', W') to (N, C, H, W), by writing out its matrix."""
    shape = (kernels.shape[1], y.shape[2] * stride, y.shape[3] * stride)
    basis = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    matrix = true_convolution(basis, kernels, stride).reshape(len(basis), -1)
    return (y.reshape(len(y), -1) @ matrix.T).reshape(-1, *shape)


def normalised(x: Array, gain: Array, shift: Array) -> Array:
    axes, shape = ((0,), (1, -1)) if x.ndim == 2 else ((0, 2, 3), (1, -1, 1, 1))
    x = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-8)
    return np.asarray(x * gain.reshape(shape) + shift.reshape(shape))


def leaky(x: Array) -> Array:
    return np.maximum(x, 0.2 * x)


@pytest.mark.parametrize(
    ("size", "kernel_size", "convolutions", "strides"), [(16, 5, 1, [2, 2]), (8, 3, 2, [2, 1])]
)
def test_equals_true_convolutions(
    tmp_path: Path, size: int, kernel_size: int, convolutions: int, strides: list[int]
) -> None:
    """Both networks, written out in NumPy and SciPy on the arrays as the files have them."""
    shape = {"size": Size(size, size), "kernel_size": kernel_size, "convolutions": convolutions}
    config = NetworkConfig(width=2, latent_dim=3, input_bias=False, **shape)  # type: ignore[arg-type]
    folder = tmp_path / "published"
    write_folder(folder, config)
    model = import_published(folder, tmp_path / "model.safetensors")
    g, d = ([np.load(path).astype(float) for path in read_list(folder / name)] for name in LISTS)
    rng = np.random.default_rng(0)

    z = rng.uniform(-1, 1, (5, 3))
    x = np.maximum(normalised(z @ g[0], g[1], g[2]), 0).reshape(5, -1, 4, 4)
    x = np.maximum(normalised(deconvolution(x, g[3], strides[0]), g[4], g[5]), 0)
    x = np.tanh(deconvolution(x, g[6], strides[1]))
    drawn = model.generator.train()(torch.from_numpy(z).float())
    np.testing.assert_allclose(drawn.numpy(), x, atol=1e-5)

    images = rng.uniform(-1, 1, (5, 3, size, size))
    x = leaky(true_convolution(images, d[0], strides[1]))
    x = leaky(normalised(true_convolution(x, d[1], strides[0]), d[2], d[3]))
    logits = (x.reshape(5, -1) @ d[4])[:, 0]
    judged = model.discriminator.train()(torch.from_numpy(images).float())
    np.testing.assert_allclose(judged.numpy(), logits, rtol=1e-4, atol=1e-4)


def test_statistics_of_real_pictures(
    folder: Path, tmp_path: Path, photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", "dcgan")
    model = import_published(folder, tmp_path / "a.safetensors", prior="normal", pictures=photos)
    assert caplog.messages == []
    assert model.notes["source"] == "unknown pictures, published as small_dcgan"
    assert model.notes["statistics"].startswith("photos, digest ")
    pixels = torch.from_numpy(matching_pack(photos, model.reading).pictures(np.arange(12)))
    discriminator, real = model.discriminator, to_floats(pixels)
    stored, batch = discriminator.features(real), discriminator.train().features(real)
    torch.testing.assert_close(stored["4x4"], batch["4x4"], rtol=0.02, atol=0.02)

    own = import_published(folder, tmp_path / "b.safetensors", prior="normal")
    (sentence,) = caplog.messages
    assert "statistics are those of the generator's own pictures; give --pictures" in sentence
    assert own.notes["statistics"] == "the generator's own pictures"
    assert torch.equal(own.sample(range(9)), model.sample(range(9)))
    assert (own.discriminator.features(real)["4x4"] - stored["4x4"]).abs().mean() > 0.1


Change = Callable[[Path], object]


def change_array(name: str, change: Callable[[NDArray[np.float32]], object]) -> Change:
    def apply(folder: Path) -> None:
        np.save(folder / name, np.asarray(change(np.load(folder / name))))

    return apply


def names(*names: str) -> Change:
    return lambda folder: (folder / LISTS[0]).write_bytes(listing(list(names)))


def remove(*names: str) -> Change:
    def apply(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return apply


def write(name: str, data: bytes) -> Change:
    return lambda folder: (folder / name).write_bytes(data)


G, D = (f"{name}_" for name in LISTS)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            remove(f"{G}01.npy", f"{G}04.npy", f"{D}02.npy"),
            rf"small_dcgan lacks 3 of the 12 arrays that its lists name: {G}01.npy, {G}04.npy, "
            rf"{D}02.npy\. Get them too",
        ),
        (remove(LISTS[1]), r"must hold one list \*discrim_params.jl, .*, and holds none"),
        (write("1_gen_params.jl", b""), "and holds 1_gen_params.jl, 30_gen_params.jl"),
        (
            write(f"{G}08.npy", b""),
            f"30_gen_params.jl does not name {G}08.npy, which lie beside it",
        ),
        (names("../x.npy"), r"30_gen_params.jl names '../x.npy'; only arrays in its own folder"),
        (names("a/x.npy"), "names 'a/x.npy'; only arrays in its own"),
        (names("a\\x.npy"), r"names 'a\\\\x.npy'; only"),
        (names(".."), "names '..'; only"),
        (names(".x.npy"), "names '.x.npy'; only"),
        (names("x.npz"), "names 'x.npz'; only"),
        (names("x.npy"), "lacks 1 of the 6 arrays that its lists name: x.npy"),
        (write(LISTS[0], b"\x80\x02K\x05."), "30_gen_params.jl is no list of arrays"),
        (write(LISTS[0], b"\x80\x02]q\x00K\x05a."), "30_gen_params.jl is no list of arrays"),
        (write(LISTS[0], listing(["x.npy"])[:-9]), "30_gen_params.jl is no list of arrays"),
        (write(LISTS[0], b""), "30_gen_params.jl is no list of arrays"),
        (write(LISTS[0], b"\x80\x02]q\x00."), "does not name .*_01.npy.*_07.npy"),
        (names(*[f"{G}01.npy"] * 7), "30_gen_params.jl does not name .*_02.npy"),
        (names(f"{D}01.npy"), "does not name .*30_gen_params.jl_01.npy"),
        (write(f"{G}03.npy", b"nothing"), f"{G}03.npy is damaged or cut short"),
        (write(f"{G}03.npy", b"PK\x03\x04"), f"{G}03.npy is damaged or cut short"),
        (
            lambda folder: (folder / f"{G}01.npy").write_bytes(
                (folder / f"{G}01.npy").read_bytes()[:-4]
            ),
            f"{G}01.npy is damaged or cut short",
        ),
        (
            change_array(f"{G}03.npy", lambda a: a.astype(np.float64)),
            f"{G}03.npy holds float64 numbers; the published ones are float32",
        ),
        (
            change_array(f"{D}02.npy", lambda a: np.where(a == a.max(), np.nan, a)),
            f"{D}02.npy holds numbers that are not finite",
        ),
        (
            change_array(f"{G}05.npy", lambda a: a[:-1]),
            rf"{G}05.npy has the shape \(1,\); blocks.8x8.1.weight of a generator of 16x16 with 2 "
            r"maps next to the picture has \(2,\)",
        ),
        (
            change_array(f"{D}05.npy", lambda a: a.T),
            rf"{D}05.npy has the shape \(1, 64\); to_logit.weight of a discriminator of 16x16 .* "
            r"has \(64, 1\)",
        ),
        (
            change_array(f"{D}01.npy", lambda a: a[:, :, :3, :3]),
            r"has the shape \(2, 3, 3, 3\); blocks.8x8.0.weight .* has \(2, 3, 5, 5\)",
        ),
        (
            change_array(f"{G}01.npy", lambda a: a.ravel()),
            r"30_gen_params.jl does not name a generator's arrays: first a dense layer's",
        ),
        (
            change_array(f"{G}01.npy", lambda a: np.repeat(a, 9, axis=1)),
            r"30_gen_params.jl names no generator that could be built: .* 6 different|shape|has",
        ),
        (
            change_array(f"{G}07.npy", lambda a: np.repeat(a, 2, axis=1)),
            "30_gen_params.jl names no generator that could be built: .* 1, 3 or 4 channels",
        ),
    ],
)
def test_what_is_refused(folder: Path, tmp_path: Path, change: Change, sentence: str) -> None:
    change(folder)
    with pytest.raises(DCGANError, match=sentence):
        import_published(folder, tmp_path / "model.safetensors")
    assert not (tmp_path / "model.safetensors").exists()


def test_lists_of_other_lengths(folder: Path, tmp_path: Path) -> None:
    listed = [f"{D}{number:02}.npy" for number in range(1, 7)]
    np.save(folder / listed[-1], np.zeros(3, np.float32))
    (folder / LISTS[1]).write_bytes(listing(listed))
    with pytest.raises(DCGANError, match="names 6 different arrays, but a discriminator .* has 5"):
        import_published(folder, tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    "data",
    [
        b"cposix\nsystem\n(S'touch executed'\ntR.",
        b"\x80\x02cbuiltins\nexec\nX\x10\x00\x00\x00open('executed')\x85R.",
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n.",
        b"\x80\x02cnumpy\nndarray\nK\x05\x85R.",
        b"\x80\x02cposix\nsystem\n.",
        b"\x80\x02]r\xff\xff\xff\x7f.",
        b"\x80\x05\x96\x00\x00\x00\x00\xff\x00\x00\x00.",
        b"\x80\x02]q\x00(cnumpy\nndarray\nq\x01}q\x02U\x01aU\x01bsbe.",
        b"\x80\x02cnumpy\nndarray\n(X\x08\x00\x00\x00filenamed}X\x01\x00\x00\x00aK\x01s\x86b.",
        b"(" * 100_000,
    ],
)
def test_hostile_lists_are_not_executed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    (folder / LISTS[0]).write_bytes(data)
    with pytest.raises(DCGANError, match=r"is no list of arrays .*such files could run code"):
        import_published(folder, tmp_path / "model.safetensors")
    assert not Path("executed").exists()


class Hostile:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("executed",)


def test_hostile_arrays_are_not_executed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save(folder / f"{G}02.npy", np.array([Hostile()], object), allow_pickle=True)
    with pytest.raises(DCGANError, match=f"{G}02.npy is damaged .*Python objects"):
        import_published(folder, tmp_path / "model.safetensors")
    assert not Path("executed").exists()


def test_a_header_that_lies_takes_no_memory(folder: Path, tmp_path: Path) -> None:
    data = (folder / f"{G}02.npy").read_bytes()
    lie = data.replace(b"(64,), }         ", b"(64000000000000,),}")[: len(data)]
    assert lie != data
    (folder / f"{G}02.npy").write_bytes(lie)
    with pytest.raises(DCGANError, match=f"{G}02.npy is damaged or cut short"):
        import_published(folder, tmp_path / "model.safetensors")


def test_other_mistakes(folder: Path, tmp_path: Path, photos: Path) -> None:
    file = tmp_path / "model.safetensors"
    with pytest.raises(DCGANError, match="There is no folder .*nowhere"):
        import_published(tmp_path / "nowhere", file)
    with pytest.raises(DCGANError, match="`prior` cannot be 'gaussian'. Possible: uniform, normal"):
        import_published(folder, file, prior="gaussian")  # type: ignore[arg-type]
    with pytest.raises(DCGANError, match="no folder or archive .*phots"):
        import_published(folder, file, pictures=tmp_path / "phots")
    with pytest.raises(DCGANError, match="lies within the source .*photos"):
        import_published(folder, photos / "model.safetensors", pictures=photos)
    with pytest.raises(DCGANError, match="is a folder; give a file in it"):
        import_published(folder, tmp_path)
    with pytest.raises(DCGANError, match="00.bmp is there already and is no model"):
        import_published(folder, photos / "00.bmp")
    assert not file.exists()


def test_command(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for number in range(3):
        drawn_picture(number).save(f"photos/{number}.png")
    words = ["import", "small_dcgan", "small.safetensors", "--prior", "normal"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    model = load("small.safetensors")
    g, d = count_parameters(model.generator), count_parameters(model.discriminator)
    assert result.stdout == (
        f"small.safetensors: pictures of 16x16; generator {g:,} parameters, discriminator {d:,}.\n"
    )
    assert "Draw from it: dcgan sample small.safetensors sheet.png --seeds 0-63" in result.stderr
    assert "those of the generator's own pictures; give --pictures SOURCE" in result.stderr
    assert model.config == SMALL
    result = CliRunner().invoke(main, [*words, "--pictures", "photos"])
    assert result.exit_code == 0, result.output
    assert "generator's own pictures" not in result.stderr
    assert CliRunner().invoke(main, ["sample", "small.safetensors", "a.png"]).exit_code == 0
    (folder / f"{G}01.npy").unlink()
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert f"Error: small_dcgan lacks 1 of the 12 arrays that its lists name: {G}01.npy." in (
        result.stderr
    )
    assert CliRunner().invoke(main, [*words, "--prior", "gaussian"]).exit_code == 2


PUBLISHED = os.environ.get("DCGAN_PUBLISHED", "")
DIGITS = os.environ.get("DCGAN_PUBLISHED_PICTURES", "")


@pytest.mark.skipif(not PUBLISHED, reason="DCGAN_PUBLISHED names no folder of SVHN's parameters")
def test_published_svhn(tmp_path: Path) -> None:
    """The authors' own files; DCGAN_PUBLISHED_PICTURES may name a source of real digits."""
    for path in Path(PUBLISHED).glob("*.jl"):
        found = sorted(file.name for file in path.parent.glob(f"{path.name}_*.npy"))
        assert path.read_bytes() == listing(found)  # so the lists of these tests are like theirs
    model = dcgan.import_published(
        PUBLISHED, tmp_path / "svhn.safetensors", prior="normal", pictures=DIGITS or None
    )
    generator, discriminator = model.generator, model.discriminator
    assert model.config == dcgan.preset("svhn").network
    assert count_parameters(generator) == 1_446_976
    assert count_parameters(discriminator) == 1_033_664
    discriminator.train()

    def answer(pixels: torch.Tensor) -> float:
        return float(discriminator(to_floats(pixels)).sigmoid().mean())

    kinds = [model.sample(range(100))]
    if DIGITS:
        pack = matching_pack(DIGITS, model.reading)
        kinds.append(torch.from_numpy(pack.pictures(np.arange(100))))
    fake, *real = map(answer, kinds)
    for weight in discriminator.parameters():
        if weight.dim() == 4:
            weight.copy_(weight.flip(2, 3))
    fake_turned_back, *real_turned_back = map(answer, kinds)
    assert fake < 0.1 < 0.8 < fake_turned_back
    assert all(share > 0.97 for share in real)
    assert all(share < fake_turned_back for share in real_turned_back)
