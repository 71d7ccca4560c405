"""Other revisions are checked out and built once, in a repository of their own."""

from __future__ import annotations

import os
import subprocess

import pytest

from bench import RigError
from bench.worktree import checkout, commit, same, stale

SETUP = """\
import os, sys
open("built", "a").write(" ".join([os.environ["AGW_BUILD"], *sys.argv[1:]]) + "\\n")
"""


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A tree with two commits; returns a function that runs git in it."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@example.com")
    root = tmp_path / "tree"
    (root / "agw").mkdir(parents=True)

    def git(*argv):
        return subprocess.run(["git", *argv], cwd=root, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q", "-b", "main")
    for text in ("first", "second"):
        (root / "agw" / "code").write_text(text)
        (root / "setup.py").write_text(SETUP)
        git("add", "-A")
        git("commit", "-q", "-m", text)
    git.root = root
    return git


def test_a_revision_is_built_once_in_the_release_variant(repository, tmp_path):
    home = tmp_path / "guard"
    tree = checkout("main~1", home, repository.root)
    assert (tree / "agw" / "code").read_text() == "first"
    assert tree == checkout("main~1", home, repository.root)
    assert (tree / "built").read_text() == "release -q build_ext --inplace\n"


def test_one_revision_is_kept(repository, tmp_path):
    home = tmp_path / "guard"
    first = checkout("main~1", home, repository.root)
    second = checkout("main", home, repository.root)
    assert list(home.iterdir()) == [second]
    assert str(first) not in repository("worktree", "list")


def test_a_build_that_failed_is_tried_again(repository, tmp_path):
    (repository.root / "setup.py").write_text("raise SystemExit('no compiler')")
    repository("commit", "-q", "-a", "-m", "broken")
    for _ in range(2):
        with pytest.raises(RigError, match="no compiler"):
            checkout("main", tmp_path / "guard", repository.root)


def test_a_tree_that_somebody_has_deleted_is_made_again(repository, tmp_path):
    home = tmp_path / "guard"
    tree = checkout("main", home, repository.root)
    for path in sorted(tree.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    tree.rmdir()
    assert (checkout("main", home, repository.root) / "agw" / "code").read_text() == "second"


def test_an_unknown_revision_is_told(repository, tmp_path):
    with pytest.raises(RigError, match="nothing-like-it"):
        commit("nothing-like-it", repository.root)


def test_what_is_measured_is_compared_with_files_that_git_does_not_know_yet(repository):
    root = repository.root
    assert same("main", root)
    assert not same("main~1", root)
    (root / "README").write_text("new")
    assert same("main", root)
    (root / "agw" / "new.py").write_text("new")
    assert not same("main", root)


def test_modules_that_are_younger_than_the_library_are_stale(tmp_path):
    folder = tmp_path / "agw" / "_fastpath"
    folder.mkdir(parents=True)
    for name in ("changed", "old"):
        (folder / f"{name}.pyx").write_text("")
    assert stale(tmp_path) == ["agw/_fastpath/changed.pyx", "agw/_fastpath/old.pyx"]
    library = folder / "_compiled.cpython-311-x86_64-linux-gnu.so"
    library.write_text("")
    built = library.stat().st_mtime
    os.utime(folder / "changed.pyx", (built + 10, built + 10))
    os.utime(folder / "old.pyx", (built - 10, built - 10))
    assert stale(tmp_path) == ["agw/_fastpath/changed.pyx"]
