# SPDX-License-Identifier: ISC
"""Fifty sessions on one mailbox for minutes: STORE, EXPUNGE, APPEND, COPY and
MOVE, QRESYNC after each broken connection, store and imapd killed in between.

GODWIT_LONG_SECONDS is how long.
"""
import os
import sys
import time

import godwit

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system"))
import test_imap_resync as resync  # noqa: E402

SECONDS = int(os.environ.get("GODWIT_LONG_SECONDS", "300"))
SESSIONS = 50


def test_fifty_sessions():
    until = time.monotonic() + SECONDS
    with godwit.Instance(config="imapd { user_connection_limit = 110 }") as g:
        g.start()
        g.add_user(resync.USER, resync.PASSWORD)
        while time.monotonic() < until:
            resync.run(g, SESSIONS, 2, 40, ("store", "imapd", "store"))
