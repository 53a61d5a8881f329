"""The package's face."""

import importlib
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

import dcgan


def test_every_public_name_is_there() -> None:
    for name in dcgan.__all__:
        assert getattr(dcgan, name).__doc__, name
    assert set(dcgan.__all__) <= set(dir(dcgan))


def test_a_function_is_not_hidden_by_its_module() -> None:
    module = importlib.import_module("dcgan.train")
    assert isinstance(module, ModuleType)
    assert callable(dcgan.train)
    assert dcgan.train is module.train


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match="module 'dcgan' has no attribute 'trian'"):
        dcgan.trian  # noqa: B018


def test_every_module_imports_by_itself() -> None:
    names = [module.name for module in pkgutil.walk_packages(dcgan.__path__, "dcgan.")]
    assert "dcgan.data.packing" in names
    for name in names:
        if not name.endswith("__main__"):
            command = [sys.executable, "-c", f"import {name}"]
            assert subprocess.run(command, check=False).returncode == 0, name
