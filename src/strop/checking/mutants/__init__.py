"""Flaws to measure the gate by: a clean delivery in, the same delivery with one flaw and its record out.

Two forms. A *consistent* flaw was made where the value was made (by a worker, in every file alike), so
that only the source refutes it: `readings` and `prose` change what was claimed. An *inconsistent* one
happened on the way into one file: `parts` changes that file's content, `bodies` its bytes. One flaw a
mutant; a change that leaves the delivery true, or as it was, is none and is given up.

Pure: the same delivery and seed give the same mutant. `benchmarks/gate.py` prints what the gate finds.
After DeMillo, Lipton and Sayward, "Hints on test data selection" (IEEE Computer, 1978).
"""
