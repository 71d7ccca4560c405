"""Another revision of agw, built: a git worktree below bench/out, compiled in place and kept for the next time.

It is built by the interpreter that runs the rig, in the release variant, as the working tree must be: two builds are
compared, and nothing else may differ. One revision is kept; the one before it is removed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import OUT, ROOT, RigError

HOME = OUT / "guard"
SOURCES = ("agw", "setup.py", "pyproject.toml")  # what a build, or what runs, may depend on
BUILT = ".built"  # beside the sources, when all is compiled


def told(argv: Sequence[str], folder: Path, **environment: str) -> str:
    """What a program prints; RigError with the end of its complaint when it fails."""
    done = subprocess.run(
        argv, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    if done.returncode:
        message = f"{' '.join(argv)}: {done.stderr.strip()[-2000:]}"
        raise RigError(message)
    return done.stdout.strip()


def commit(revision: str, root: Path = ROOT) -> str:
    """The full name of a revision's commit."""
    return told(["git", "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"], root)


def same(revision: str, root: Path = ROOT) -> bool:
    """Whether the working tree has, in all that is measured, what the revision has; files that git does not know count."""
    changed = told(["git", "diff", "--name-only", revision, "--", *SOURCES], root)
    return not changed and not told(["git", "ls-files", "--others", "--exclude-standard", "--", *SOURCES], root)


def remove(tree: Path, root: Path) -> None:
    """Take a worktree away."""
    told(["git", "worktree", "remove", "--force", str(tree)], root)


def checkout(revision: str, home: Path = HOME, root: Path = ROOT) -> Path:
    """The revision's tree, built; RigError says why it cannot be."""
    name = commit(revision, root)
    tree = home / name[:12]
    if (tree / BUILT).exists():
        return tree
    told(["git", "worktree", "prune"], root)
    for other in sorted(home.glob("*")) if home.exists() else ():
        remove(other, root)
    home.mkdir(parents=True, exist_ok=True)
    told(["git", "worktree", "add", "--detach", str(tree), name], root)
    print(f"building {name[:12]} in {tree}", file=sys.stderr, flush=True)
    told([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], tree, AGW_BUILD="release")
    (tree / BUILT).touch()
    return tree


def stale(root: Path = ROOT) -> list[str]:
    """Modules of the working tree that are younger than the library, or all where there is none."""
    folder = root / "agw" / "_fastpath"
    built = max((path.stat().st_mtime_ns for path in folder.glob("_compiled.*.so")), default=0)
    return [
        str(source.relative_to(root)) for source in sorted(folder.glob("*.pyx")) if source.stat().st_mtime_ns > built
    ]
