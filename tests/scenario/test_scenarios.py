# SPDX-License-Identifier: ISC
"""Runs every *.t below this directory; see scenario.py for their form.

Scripts with the same `config` lines share one instance of example.test with
accounts alice and bob, password "godwit"; those with lines of their own get
theirs, one after another.
"""
import glob
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import godwit  # noqa: E402
import scenario  # noqa: E402

PASSWORD = "godwit"


def scripts():
    """Those without configuration first, so that few instances are made."""
    found = [(scenario.parse(p)[0], p)
             for p in sorted(glob.glob(HERE + "/*/*.t"))]
    return [p for _, p in sorted(found)]


@pytest.fixture(scope="module")
def instances():
    """instance(config), keeping only the one used last."""
    live = {}

    def get(config):
        if config not in live:
            while live:
                live.popitem()[1].__exit__(None, None, None)
            g = godwit.Instance(config=config) if config else godwit.Instance()
            live[config] = g.__enter__()
            g.start()
            for user in ("alice", "bob"):
                g.add_user(f"{user}@example.test", PASSWORD)
        return live[config]

    yield get
    while live:
        live.popitem()[1].__exit__(None, None, None)


@pytest.mark.parametrize("path", scripts(), ids=lambda p: os.path.relpath(p, HERE))
def test_script(instances, path):
    config, steps = scenario.parse(path)
    g = instances(config)
    run = scenario.Run(os.path.relpath(path, HERE),
                       port=g.port,
                       log_lines=lambda: g.log_text().splitlines(),
                       is_running=lambda name: bool(g.pids(name)))
    run.run(steps)
