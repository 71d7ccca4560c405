"""The compiled data plane: one .pyx, .pxd and .pyi per noun. See ARCHITECTURE.md, "life of a request".

All modules are in one library, so that what a request runs through is side by side in memory: the interpreter is told
here that each of them is found in it. A module is one where there is its stub.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

_HERE = Path(__file__).parent
_PREFIX = f"{__name__}."


class _Finder:
    """Finds the modules of this package in its library; what is not there is left to the other finders."""

    @staticmethod
    def find_spec(
        fullname: str, path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Say where a module is (importlib.abc.MetaPathFinder)."""
        if not fullname.startswith(_PREFIX) or not (_HERE / f"{fullname.removeprefix(_PREFIX)}.pyi").exists():
            return None
        for folder in path or ():
            for suffix in EXTENSION_SUFFIXES:
                library = Path(folder, f"_compiled{suffix}")
                if library.exists():
                    loader = ExtensionFileLoader(fullname, str(library))
                    return spec_from_file_location(fullname, library, loader=loader)
        return None


sys.meta_path.insert(0, _Finder)
