"""What the linker and the compiler promise about the compiled modules, read from the file that is loaded.

A flag in setup.py is a wish: a distribution's own flags, or a missing `-O`, may undo it without a word.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import agw._fastpath.record

FOLDER = Path(agw._fastpath.record.__file__).parent
MODULES = [FOLDER / f"_compiled{EXTENSION_SUFFIXES[0]}"]
PT_LOAD, PT_DYNAMIC, PT_GNU_STACK, PT_GNU_RELRO = 1, 2, 0x6474E551, 0x6474E552
PF_X, PF_W = 1, 2
DT_SYMTAB, DT_STRTAB, DT_TEXTREL, DT_FLAGS, DT_FLAGS_1 = 6, 5, 22, 30, 0x6FFFFFFB
DF_TEXTREL, DF_BIND_NOW, DF_1_NOW = 4, 8, 1
STB_LOCAL = 0


@dataclass(slots=True)
class Elf:
    """A shared object: program headers by type, the dynamic table, names it needs and names it offers."""

    flags: dict[int, list[int]] = field(default_factory=dict)
    dynamic: dict[int, int] = field(default_factory=dict)
    needed: set[str] = field(default_factory=set)
    offered: set[str] = field(default_factory=set)


def read(path: Path) -> Elf:
    data, elf = path.read_bytes(), Elf()
    assert data[:6] == b"\x7fELF\x02\x01", "64 bits, little-endian"
    start, _, _, _, size, count = struct.unpack_from("<QQIHHH", data, 32)
    headers = [struct.unpack_from("<IIQQQQQQ", data, start + number * size) for number in range(count)]
    for kind, flags, *_ in headers:
        elf.flags.setdefault(kind, []).append(flags)
    (table,) = (header for header in headers if header[0] == PT_DYNAMIC)
    for at in range(table[2], table[2] + table[5], 16):
        tag, value = struct.unpack_from("<QQ", data, at)
        elf.dynamic[tag] = value

    def offset(address: int) -> int:
        for kind, _, where, virtual, _, on_disk, *_ in headers:
            if kind == PT_LOAD and virtual <= address < virtual + on_disk:
                return where + address - virtual
        raise AssertionError(hex(address))

    symbols, names = offset(elf.dynamic[DT_SYMTAB]), offset(elf.dynamic[DT_STRTAB])
    # The symbols end where their names begin: every linker in use lays them out so.
    for at in range(symbols, names, 24):
        name, info, _, section = struct.unpack_from("<IBBH", data, at)
        text = data[names + name : data.index(b"\0", names + name)].decode()
        if text and info >> 4 != STB_LOCAL:
            (elf.offered if section else elf.needed).add(text)
    return elf


ELVES = {path.name.partition(".")[0]: read(path) for path in MODULES}
pytestmark = pytest.mark.skipif(
    any("__asan_init" in elf.needed for elf in ELVES.values()), reason="a sanitised build has other guards"
)


@pytest.mark.parametrize("name", ELVES)
def test_no_part_is_both_written_and_run(name):
    flags = ELVES[name].flags
    assert [part & PF_X for part in flags[PT_GNU_STACK]] == [0]
    assert not any(part & PF_W and part & PF_X for part in flags[PT_LOAD])


@pytest.mark.parametrize("name", ELVES)
def test_addresses_are_settled_and_sealed_when_it_is_loaded(name):
    elf = ELVES[name]
    assert PT_GNU_RELRO in elf.flags
    assert elf.dynamic.get(DT_FLAGS, 0) & DF_BIND_NOW or elf.dynamic.get(DT_FLAGS_1, 0) & DF_1_NOW
    assert DT_TEXTREL not in elf.dynamic
    assert not elf.dynamic.get(DT_FLAGS, 0) & DF_TEXTREL


@pytest.mark.parametrize("name", ELVES)
def test_nothing_is_offered_but_the_starts(name):
    assert ELVES[name].offered == {f"PyInit_{path.stem}" for path in FOLDER.glob("*.pyx")}


@pytest.mark.parametrize("name", ELVES)
def test_the_stack_is_guarded(name):
    assert "__stack_chk_fail" in ELVES[name].needed


def test_calls_into_libc_are_checked():
    if any("__assert_fail" in elf.needed for elf in ELVES.values()):
        pytest.skip("the debug variant has asserts instead")
    needed = set().union(*(elf.needed for elf in ELVES.values()))
    assert {symbol for symbol in needed if symbol.endswith("_chk") and symbol.startswith("__")}
    assert not needed & {"snprintf", "vsnprintf", "sprintf", "strcpy", "strcat", "gets"}
