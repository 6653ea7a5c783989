"""The power of a real machine fails while it is upgraded; hundreds of cuts: power_cuts.py."""

import os
import time

import pytest

import power_cuts

SEED = int(os.environ.get("CUTOVER_CUT_SEED", "1"))


# Two machines, so that the test run can put them beside its other parts.
@pytest.mark.parametrize("cuts, seed", [pytest.param(24, SEED, id="long"),
                                        pytest.param(6, SEED + 1000, id="short")])
def test_a_cut_at_any_write_ends_in_the_old_or_the_new_release(reference, capsys, cuts, seed):
    def say(line: str) -> None:
        with capsys.disabled():  # where it was must be known also of a run that is killed
            print(line, flush=True)

    until = float(os.environ.get("CUTOVER_CUTS_UNTIL", "inf"))
    rows = power_cuts.run_cuts(reference, cuts, seed, say, until - time.time())
    made = sum(row.cuts for row in rows.values())
    if made < cuts and time.time() > until:
        pytest.skip(f"a slow machine: {made} of {cuts} cuts in the time there is, all survived")
    assert made >= cuts
