"""Inputs that nobody thought of: coverage-guided fuzzing of the parsers, and conversations with the whole data plane.

    make fuzz                            every harness in turn, an hour each
    make fuzz FUZZ=request TIME=600      one of them, for ten minutes
    make fuzz ARGS=--short               all of them, a few seconds each: what CI runs
    python -m fuzz.conversations --count 1000 --seed 7

Rules: a harness states what must hold beyond "no crash" (a result does not depend on how the bytes were cut, spans lie
inside their memory, what is accepted is written and read again as the same); no Python object is made per execution
of a parser harness, but where the judge is Python (streams); a corpus file is a plain message, since all else that
varies is derived from its bytes. What a harness found is fixed with a test at the layer where it belongs, and its
input joins the corpus.
"""
