# SPDX-License-Identifier: ISC
"""A stranger in the place of a daemon gets nothing that the daemon had not.

The drill program (drill.c) is put beside the other binaries under the name of
a daemon; each drill is one start of an instance.
"""
import os
import re
import shutil
import tempfile

import pytest
from mailtools import fetch_all, message, send, without_trace

import godwit

DRILLS = {
    "smtpd": ["sign_arbitrary", "sign_client_context", "open_as_smtpd", "spool_key_as_smtpd", "relay_without_login",
              "relay_forged_token", "send_as_another", "commit_unknown", "commit_unsealed"],
    "imapd": ["sign_arbitrary", "open_forged_token", "open_others_wraps", "store_forged_token",
              "store_foreign_handle", "store_read_other", "append_other_account", "append_wrong_descriptor",
              "append_unsealed_memfd", "giant_set", "nonsense_frame"],
    "deliver": ["append_no_account", "deliver_reads_mail", "deliver_lies"],
    "relay": ["sign_arbitrary", "spool_key_as_smtpd", "relay_lies", "relay_submits"],
}


def binaries(role, drill):
    """The build's programs with the drill in the place of one."""
    folder = tempfile.mkdtemp(prefix="godwit-drill-")
    os.chmod(folder, 0o755)
    for name in os.listdir(godwit.BIN):
        shutil.copy(f"{godwit.BIN}/{name}", f"{folder}/{name}")
    shutil.copy(f"{os.environ['GODWIT_TESTBIN']}/drill", f"{folder}/{role}")
    with open(f"{folder}/drill.name", "w", encoding="ascii") as f:
        f.write(drill + "\n")
    return folder


@pytest.fixture(scope="module")
def prepared():
    """An instance with alice, who has no mail, and bob, who has one."""
    with godwit.Instance() as g:
        g.start()
        for user in ("alice", "bob"):
            g.add_user(f"{user}@example.test", "secret")
        send(g, message("for bob", "only for bob\r\n"), to="bob")
        g.stop()
        yield g


@pytest.mark.parametrize("role,drill", [(r, d) for r, ds in DRILLS.items() for d in ds])
def test_drill(prepared, role, drill):
    g = prepared
    folder = binaries(role, drill)
    try:
        g.start(bin_dir=folder)
        line = g.wait_log(r"drill name=" + drill)
        outcome = re.search(r"outcome=(\w+)", line).group(1)
        assert outcome in ("refused", "closed"), line
    finally:
        g.stop()
        shutil.rmtree(folder)
    # the owner's mail is as it was
    g.start()
    assert [without_trace(m) for m in fetch_all(g, "bob")] == [message("for bob", "only for bob\r\n")]
    assert fetch_all_or_none(g, "alice") == []
    g.stop()


def fetch_all_or_none(g, user):
    from mailtools import imap
    m = imap(g, user)
    count = int(m.select()[1][0])
    m.logout()
    return [None] * count
