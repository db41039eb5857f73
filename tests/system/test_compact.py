# SPDX-License-Identifier: ISC
"""gwstore compact: what a removed account leaves goes from the disk, and the
mail of the others, in the same segments, is what it was."""
import glob
import os
import re
import time

from crashload import LARGE, Book, smtp
from mailtools import address

import godwit


def stat(g):
    out = g.tool("gwstore", "stat", check=True).stdout
    return {name: int(value) for name, value in re.findall(r"^(.*) (\d+)$", out, re.M)}


def on_disk(g):
    return sum(os.stat(p).st_blocks * 512 for p in glob.glob(f"{g.root}/mail/body.*"))


def test_compact():
    with godwit.Instance() as g:
        g.start()
        book = Book(g, ("alice", "dora"))
        book.add_users()
        s = smtp(g, 587, "alice")
        for size in (LARGE, 2000, LARGE, 3000):
            book.send(s, ("dora", "alice"), size, address("alice"), noise=True)
        s.close()
        before, disk = stat(g), on_disk(g)
        assert before["body bytes"] == before["live bytes"] > 4 * LARGE
        # All alive: nothing to do.
        p = g.tool("gwstore", "compact", check=True)
        assert p.stdout == "0 segments emptied, 0 KiB copied, 0 KiB freed\n"
        assert g.tool("gwuser", "del", "dora@example.test").returncode == 0
        end = time.monotonic() + godwit.WAIT_S
        while stat(g)["records"] > before["records"] // 2:      # removed in slices
            assert time.monotonic() < end
        p = g.tool("gwstore", "compact", check=True)
        m = re.fullmatch(r"(?:.*\n)*(\d+) segments emptied, (\d+) KiB copied, (\d+) KiB freed\n", p.stdout)
        assert m and int(m[1]) >= 1 and int(m[2]) >= 2 * LARGE // 1024, p.stdout
        after = stat(g)
        assert after["body bytes"] == after["live bytes"] <= before["live bytes"] * 0.6
        assert after["punched bytes"] == 0
        assert on_disk(g) < disk * 0.7
        assert g.tool("gwstore", "check", "-b").stdout == "no faults\n"
        book.acked["dora"].clear()
        book.users = ("alice",)
        book.check()
