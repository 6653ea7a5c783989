"""The power of a real machine fails while it is upgraded; hundreds of cuts: power_cuts.py."""

import os

import power_cuts

CUTS = 30
SEED = int(os.environ.get("CUTOVER_CUT_SEED", "1"))


def test_a_cut_at_any_write_ends_in_the_old_or_the_new_release(reference, capsys):
    def say(line: str) -> None:
        with capsys.disabled():  # where it was must be known also of a run that is killed
            print(line, flush=True)

    rows = power_cuts.run_cuts(reference, CUTS, SEED, say)
    assert sum(row.cuts for row in rows.values()) >= CUTS
