"""The flame graph: a pure function of what perf script prints."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from bench import flame
from bench.flame import Frame

SVG = "{http://www.w3.org/2000/svg}"
SEND, LOOP = Frame("sys_sendto", "kernel"), Frame("http1.parse", "_compiled")
SCRIPT = """\
\tffffffff81 __x64_sys_sendto ([kernel.kallsyms])
\tffffffff82 do_syscall_64 ([kernel.kallsyms])
\tffffffff83 entry_SYSCALL_64_after_hwframe ([kernel.kallsyms])
\t    7f0001 __pyx_f_3agw_9_fastpath_5http1_parse.constprop.0 (/srv/proxy/_compiled.cpython-311-x86_64-linux-gnu.so)
\t    7f0002 [unknown] (/usr/lib/libc.so.6)
\t    7f0003 [unknown] (/usr/lib/libc.so.6)

\t    7f0001 __pyx_f_3agw_9_fastpath_5http1_parse+0x12 (/srv/proxy/_compiled.cpython-311-x86_64-linux-gnu.so)
"""


def named(picture):
    """What hovering tells, and how wide each frame is."""
    root = ET.fromstring(picture)
    groups = root.iter(f"{SVG}g")
    return {group.find(f"{SVG}title").text: float(group.find(f"{SVG}rect").get("width")) for group in groups}


def test_samples_are_folded_with_callers_first_and_the_way_into_the_kernel_left_out():
    assert flame.folded(SCRIPT) == {(Frame("[unknown]", "libc"), LOOP, SEND): 1, (LOOP,): 1}


def test_neighbours_of_one_name_are_one_and_the_stacks_torn_end_is_nothing():
    chain = "1 f (/a/_compiled.so)\n2 f (/a/_compiled.so)\nffff [unknown] ([unknown])\n"
    assert flame.stack_of(chain) == (Frame("f", "_compiled"),)


def test_a_function_has_the_name_that_it_has_in_its_source():
    assert flame.readable("__pyx_pw_3agw_9_fastpath_8exchange_8Exchange_3run") == "exchange.Exchange.run"
    assert flame.readable("tcp_sendmsg_locked.isra.0") == "tcp_sendmsg_locked"
    assert flame.readable("__Pyx_Raise") == "__Pyx_Raise"
    assert flame.frame_of("12 a::run(int, char*) (/opt/envoy (deleted))") == Frame("a::run(int, char*)", "envoy")


def test_a_frame_is_as_wide_as_its_share_and_says_it():
    found = named(flame.drawn("all", {(LOOP, SEND): 30, (LOOP,): 70}))
    whole = found["http1.parse (_compiled): 100.0%, itself 70.0%"]
    assert found["sys_sendto (kernel): 30.0%, itself 30.0%"] == round(0.3 * whole, 1)
    assert "_compiled 70% of the samples are in its own code" in found


def test_frames_too_narrow_to_see_are_left_out():
    stacks = {(LOOP, SEND): 1, (LOOP,): 999}
    assert "sys_sendto" not in flame.drawn("all", stacks)
    assert "sys_sendto" in flame.drawn("all", stacks, least=0.001)


def test_names_are_text_and_paths_stay_out():
    picture = flame.drawn("a < b", flame.folded("\t1 f<int>(a&b) (/srv/proxy/proxy)\n"))
    assert "f<int>(a&b) (proxy): 100.0%, itself 100.0%" in named(picture)
    assert "/srv" not in picture


def test_no_samples_make_an_empty_picture():
    assert named(flame.drawn("nothing", flame.folded("\n"))) == {}
