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
    script = (
        "import importlib, os, sys, torch, numpy, PIL\n"  # once; only our own modules anew
        "for name in sys.argv[1:]:\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        importlib.import_module(name)\n"
        "        os._exit(0)\n"
        "    assert os.waitpid(child, 0)[1] == 0, name\n"
    )
    names = [name for name in names if not name.endswith("__main__")]
    done = subprocess.run(
        [sys.executable, "-c", script, *names], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
