"""Say what a Python lacks for building burly, and which Debian package brings it."""

import importlib.util
import pathlib
import sys
import sysconfig

OLDEST = (3, 11)


def main():
    """Return a complaint, or None if this Python will do."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if sys.version_info < OLDEST:
        return (
            f"burly needs Python 3.11 or newer, and {sys.executable} is {version}: "
            "name another with PYTHON=, as in `make test PYTHON=python3.12`"
        )
    missing = []
    if not all(importlib.util.find_spec(module) for module in ("venv", "ensurepip")):
        missing.append(("the modules venv and ensurepip", f"python{version}-venv"))
    header = pathlib.Path(sysconfig.get_paths()["include"]) / "Python.h"
    if not header.exists():
        missing.append((str(header), f"python{version}-dev"))
    if not missing:
        return None
    things = " and ".join(thing for thing, _ in missing)
    packages = " ".join(package for _, package in missing)
    return (
        f"{sys.executable} lacks {things}: on Debian and Ubuntu, run `apt-get install {packages}`"
    )


if __name__ == "__main__":
    sys.exit(main())
