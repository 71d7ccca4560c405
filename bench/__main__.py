"""`python -m bench`: the command of `bench/rig.py`."""

from __future__ import annotations

import sys

from bench.rig import main

if __name__ == "__main__":
    sys.exit(main())
