"""What the compiler learns from: seeded traffic through the whole data plane, as its users have it.

    AGW_BUILD=trained python setup.py build_ext --inplace     compiles, runs this, and compiles again
    python -m training --library build/training/lib           the run alone, of a library that counts

gcc lays out branches, inlines and sorts functions by how often each was run (-fprofile-use). So what is run here, and in
which proportion, decides what is fast.

Rules: the mix is what a gateway for agents serves, errors and reloads among it, and not what bench/ measures; it
shares no text with bench/. The same seed is the same traffic, in lock step and in one process, so that a build does
not depend on how busy its machine was. Every answer is compared with what it must be: a run that was refused at the door would
teach the compiler to refuse. It needs the packages that the data plane itself imports, and no network but loopback. The
product never imports it.
"""
