"""The documentation of the package: everything public has an example, and the examples run."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import kapture_crm

MODULES = [
    name
    for _, name, _ in pkgutil.iter_modules(kapture_crm.__path__, "kapture_crm.")
    # Spark has tests of its own, and the other one runs the command line.
    if name not in ("kapture_crm.__main__", "kapture_crm.spark")
]


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module)).failed == 0


def public() -> dict[str, object]:
    """Return the functions, and the methods of the class that users hold."""
    methods = vars(kapture_crm.Customers)
    found = {name: value for name, value in methods.items() if not name.startswith("_")}
    for name in kapture_crm.__all__:
        value = getattr(kapture_crm, name)
        if inspect.isfunction(value):
            found[name] = value
    return found


@pytest.mark.parametrize("name", public())
def test_every_function_has_an_example(name: str) -> None:
    assert ">>> " in (inspect.getdoc(public()[name]) or "")
