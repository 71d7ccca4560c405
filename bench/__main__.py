"""`python -m bench` is the comparison that matters most: `python -m bench.rig`."""

from __future__ import annotations

import sys

from bench.rig import main

if __name__ == "__main__":
    sys.exit(main())
