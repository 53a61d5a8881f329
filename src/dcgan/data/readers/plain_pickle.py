"""Reads pickles that hold arrays and plain containers, and nothing that could run code."""

import io
import pickle
from typing import Any

from dcgan.errors import DCGANError

ADMITTED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
    *(
        (f"numpy.{core}.multiarray", name)
        for core in ("core", "_core")
        for name in ("_reconstruct", "scalar")
    ),
}
"""The only names a pickle may call: those that make arrays. (Newer Pythons write bytes by way of
`_codecs.encode` into old pickles.)"""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def read_plain_pickle(data: bytes, where: object) -> Any:
    """The content of a pickle of arrays, numbers, bytes, lists and dicts.

    Texts of Python 2 come as bytes.

    Raises:
        DCGANError: it is damaged, or holds anything else.
    """
    try:
        return _Unpickler(io.BytesIO(data), encoding="bytes").load()
    except Exception as error:  # a damaged pickle raises all sorts
        raise DCGANError(
            f"{where} is no pickle of plain arrays ({error}); such files could run code, "
            "so nothing else is read."
        ) from error
