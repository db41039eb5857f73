# SPDX-License-Identifier: ISC
"""The power goes at some moment of a recorded run, and the disk keeps what it
likes of what was not flushed: the suite starts, has all that was acknowledged,
and nothing in part.  tests/powerdisk.py says what a disk may do; tests/long
tries many more moments.
"""
import os
import random

import pytest
from powerload import LIVES, Record, find_faults, find_second_faults, told

import powerdisk
from powerdisk import Choice

SECONDS, SECONDS_AGAIN = 8, 5
SEED = int(os.environ.get("GODWIT_SEED", "1"))


@pytest.fixture(scope="module", params=LIVES)
def record(request):
    with Record(request.param) as r:
        yield r


def test_nothing_escapes_the_record(record):
    assert record.differences() == []


def test_power_goes(record):
    tried, faults = find_faults(record, random.Random(SEED), SECONDS, most=3, least=10)
    assert not faults, f"GODWIT_SEED={SEED}, {tried} states: {told(faults)}"
    assert tried >= 10


def test_power_goes_again(record):
    """Now also while the suite starts after the first time."""
    tried, faults = find_second_faults(record, random.Random(SEED), SECONDS_AGAIN, least=4)
    assert not faults, f"GODWIT_SEED={SEED}, {tried} states: {told(faults)}"
    assert tried >= 4


# What is left out: the flush of a file under one act, or all of a directory before its end.
FLUSHES = {
    "direct": (("store", "journal", ("mail", "alice")), ("keyd", "ring", ("user", "bob")), ("store", "mail", ("mail",))),
    "aged": (),
    "keyed": (("keyd", "ring", ("user", "bob")),),
    "relayed": (("queue", "segment", ("kept",)),),
    "spooled": (("queue", "segment", ("kept",)), ("queue", "spool", ("kept",))),
}


def stays(record, key):
    """Mail that left the queue, it may be before its 250 was heard, needs no flush there."""
    return key[0] != "kept" or len(record.book.acts[key]) == 1


def test_a_flush_left_out_is_found(record):
    """What was acknowledged without it is lost: else the test above proves nothing."""
    for role, name, act in FLUSHES[record.name]:
        key = next(k for k in record.book.acts if k[:len(act)] == act and stays(record, k))
        begin, end, _ = record.book.acts[key][0]
        if name in powerdisk.FOLDERS.values():
            begin = 0

        def drop(who, path, position, role=role, name=name, begin=begin, end=end):
            return who == role and os.path.basename(path).startswith(name) and begin < position <= end

        without = record.replay(drop)
        assert without.dropped > 0, f"{role} flushes no {name}"
        assert record.try_state(record.disk, end, Choice("none")) == []
        assert record.try_state(without, end, Choice("none")) != [], f"{role} needs no flush of {name}"
