"""HDF5 as the HDF5 library writes it, read without it; what Keras never writes is refused by name."""

import re
from typing import Any

import numpy as np
import pytest

from archsim.errors import BadInput
from workloads.importers.keras.hdf5 import Hdf5

h5py: Any = pytest.importorskip("h5py")


@pytest.fixture
def written(tmp_path):
    """What we read of a file that `write` makes by the HDF5 library."""

    def write_and_read(write, **options):
        path = tmp_path / "file.h5"
        with h5py.File(path, "w", **options) as file:
            write(file)
        return Hdf5(path.read_bytes()).root

    return write_and_read


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4", "i1", "<i4", ">i8", "u1", "<u8", "V2"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1, 4)])
def test_numbers_of_every_kind(written, dtype, shape):
    numbers = np.random.default_rng(0).integers(0, 100, (*shape, np.dtype(dtype).itemsize)).astype("u1")
    numbers = numbers.view(dtype).reshape(shape)
    array = written(lambda file: file.create_dataset("a/b", data=numbers)).child("a").child("b").array
    assert array.shape == shape
    assert array.tobytes() == numbers.tobytes()
    assert array.dtype == (np.dtype("<u2") if dtype == "V2" else numbers.dtype)


def test_texts_of_every_kind(written):
    texts = {
        "one": ("kernel",), "long": ("x" * 60_000,), "many": tuple(f"layer_{k}/bias" for k in range(300)),
        "unicode": ("größe",), "none": (),
    }  # fmt: skip

    def write(file):
        for name, text in texts.items():
            file.attrs[name] = text[0] if len(text) == 1 else np.array(text, object if text else float)
        file.attrs["bytes"] = b"as Keras 2 has them"
        file.attrs["fixed"] = np.array([b"kernel:0", b"bias:0"])

    root = written(write)
    assert {name: root.texts(name) for name in texts} == texts
    assert root.texts("bytes") == ("as Keras 2 has them",)
    assert root.texts("fixed") == ("kernel:0", "bias:0")
    assert root.texts("other") is None


def test_a_group_of_many_objects(written):
    names = [f"layer_{k}" for k in range(3000)]

    def write(file):
        for k, name in enumerate(names):
            file[f"layers/{name}"] = np.float32(k)

    layers = written(write).child("layers")
    assert sorted(layers.links) == sorted(names)
    assert [float(layers.child(name).array) for name in names[::500]] == list(range(0, 3000, 500))


def linked_outside(file):
    file["a"] = h5py.ExternalLink("/etc/passwd", "/")


def stored_outside(file):
    file.create_dataset("a", (4,), "f4", external=[("other.raw", 0, 16)])


def virtual(file):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "a", (4,))
    file.create_virtual_dataset("a", layout)


def linked_softly(file):
    file["b"] = np.zeros(3, np.float32)
    file["a"] = h5py.SoftLink("/b")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda file: file.create_dataset("a", data=np.zeros(999, "f4"), compression="gzip"), "array /a is compressed"),
        (lambda file: file.create_dataset("a", (2**40,), "f4", chunks=(8,)), "array /a is not stored in one piece"),
        (lambda file: file.create_dataset("a", (2**40,), "f4"), "lie outside|not of its"),
        (lambda file: file.create_dataset("a", data=[b"text"]), "is of no numbers"),
        (lambda file: file.create_dataset("a", data=["text"]), "is of no numbers"),
        (lambda file: file.create_dataset("a", data=file.ref, dtype=h5py.ref_dtype), "type class 7"),
        (lambda file: file.create_dataset("a", data=np.zeros(2, [("x", "f4")])), "type class 6"),
        (lambda file: file.create_group("a"), "/a is not an array"),
        (linked_outside, "/ is not a group of a symbol table"),
        (stored_outside, "is compressed, or lies in another file"),
        (virtual, "is not stored in one piece"),
        (linked_softly, "holds a symbolic link"),
    ],
)
def test_what_keras_never_writes_is_refused(written, write, message):
    with pytest.raises(BadInput, match=message) as refused:
        written(write).child("a").array  # noqa: B018
    assert str(refused.value).startswith("is not a whole HDF5 file as Keras writes them: ")


def test_a_newer_layout_is_refused_with_the_way(written):
    with pytest.raises(BadInput, match=re.escape("not of version 0 (save the model again with Keras)")):
        written(lambda file: None, libver="latest")


def test_texts_that_are_one_text_over_and_over_are_no_way_to_fill_the_memory(written):
    """A thousand references to one long text take sixteen bytes each."""
    data = written(lambda file: file.attrs.create("many", np.array(["x" * 50_000, *"abc" * 300], object))).file.data
    start = data.index(b"many") + 4
    reference = next(
        data[k : k + 16] for k in range(start, start + 200) if data[k : k + 4] == (50_000).to_bytes(4, "little")
    )
    first = data.index(reference)
    bomb = Hdf5(data[:first] + reference * 901 + data[first + 16 * 901 :])
    with pytest.raises(BadInput, match="its texts are longer than it is"):
        bomb.root.texts("many")
