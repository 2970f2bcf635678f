"""Versions of everything that shapes a run, for its manifest."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

SHAPING = (
    "shoal",
    "duckdb",
    "graphdatascience",
    "graspologic-native",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "torch",
    "torch-geometric",
)


def versions(packages: tuple[str, ...] = SHAPING) -> dict[str, str]:
    """Package -> version, those that are installed; and Python's."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # an extra that is not installed shapes nothing
            continue
    return found
