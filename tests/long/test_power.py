# SPDX-License-Identifier: ISC
"""The power goes at every moment of recorded runs, as tests/system/test_power.py.

GODWIT_SEED repeats the order of states, GODWIT_POWER_SECONDS is how long for
each run; with 0 all of them are tried.
"""
import os
import random

import pytest
from powerload import LIVES, Record, find_faults, find_second_faults, told

SECONDS = int(os.environ.get("GODWIT_POWER_SECONDS", "1200")) or 1 << 30


@pytest.mark.parametrize("life", LIVES)
def test_power_goes_everywhere(life):
    seed = int(os.environ.get("GODWIT_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
    print(f"seed {seed}: GODWIT_SEED={seed} repeats the order of states")
    with Record(life) as record:
        assert record.differences() == []
        tried, faults = find_faults(record, random.Random(seed), SECONDS, singles=6, enough=5)
        print(f"{tried} states of {len(record.disk.positions)} moments")
        assert not faults, f"GODWIT_SEED={seed}, {tried} states: {told(faults)}"
        assert tried >= min(100, SECONDS)
        tried, faults = find_second_faults(record, random.Random(seed), min(SECONDS, 36000) // 3, each=30, most=5)
        print(f"{tried} states after a second loss")
        assert not faults, f"GODWIT_SEED={seed}, {tried} states: {told(faults)}"
