# SPDX-License-Identifier: ISC
"""gwqueue, gwsuper, gwcat and gwshape, as scripts and operators use them."""
import json
import os
import re
import signal
import socketserver
import threading

import pytest
from mailtools import fetch_all, message, send

import godwit

NOT_THERE = "0000000000001"


class Sink(socketserver.ThreadingTCPServer):
    """A mail host: takes what comes, or puts it off; may stop before the answer
    to the last dot until it is let go."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, takes=True):
        self.takes, self.got = takes, []
        self.may_answer, self.has_data = threading.Event(), threading.Event()
        self.may_answer.set()
        super().__init__(("127.0.0.1", 0), Talk)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]


class Talk(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def data(self):
        self.say("354 go")
        text = b""
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            text += line
        self.server.has_data.set()
        self.server.may_answer.wait(60)
        self.server.got.append(text)
        self.say("250 2.0.0 taken" if self.server.takes else "451 4.3.0 not now")

    def handle(self):
        self.say("220 sink.example ESMTP")
        while line := self.rfile.readline():
            verb = line[:4].upper().strip()
            if verb == b"EHLO":
                self.say("250 sink.example")
            elif verb == b"DATA":
                self.data()
            elif verb == b"RCPT" and not self.server.takes:
                self.say("450 4.2.0 later")
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 2.0.0 ok")


def route(sink, name="far.example"):
    return f'route "{name}" {{ to = {{"{name}"}}  relay = "[127.0.0.1]:{sink.port}"  tls = may }}'


@pytest.fixture
def sink():
    with Sink(takes=False) as s:
        yield s
        s.may_answer.set()
        s.shutdown()


@pytest.fixture
def g(sink):
    with godwit.Instance(route(sink) + "\nqueue { direct_timeout = 200ms }") as g:
        g.start()
        g.add_user("alice@example.test", "secret")
        yield g


def submit(g, to="u@far.example", subject="away", body="text\r\n"):
    """Queue id of a message from alice that the sink has put off."""
    mark = g.mark()
    send(g, message(subject, body, "alice@example.test", to), to=to, sender="alice@example.test", port=587, user="alice")
    ident = re.search(r" m=(\S+)", g.wait_log(r"\]: queued ", since=mark)).group(1)
    g.wait_log(rf"\]: deferred .*m={ident} ", since=mark)
    # relay logs it before queue has heard of it
    wait_rows(g, lambda rows: any(r.get("delay_reason") for r in rows.get(ident, {}).get("recipients", [])))
    return ident


def rows_of(g):
    p = g.tool("gwqueue", "-j")
    assert p.returncode == 0, p.stderr
    return {row["queue_id"]: row for row in map(json.loads, p.stdout.splitlines())}


def wait_rows(g, wanted, seconds=30):
    step = threading.Event()
    for _ in range(seconds * 20):
        rows = rows_of(g)
        if wanted(rows):
            return rows
        step.wait(0.05)
    raise AssertionError(f"{rows_of(g)}\n{g.log_tail()}")


def sup(g, *args, code=0, input=None):
    p = g.tool("gwsuper", *args, input=input)
    assert p.returncode == code, (p.returncode, p.stderr, p.stdout)
    return p.stderr


# gwqueue

def test_gwqueue_tries_a_site_or_a_message_now(g, sink):
    ids = [submit(g) for _ in range(2)]
    sink.takes = True
    mark = g.mark()
    assert g.tool("gwqueue", "-i", ids[0].lower()).returncode == 0
    g.wait_log(rf"\]: sent .*m={ids[0]} ", since=mark)
    wait_rows(g, lambda rows: set(rows) == {ids[1]})
    p = g.tool("gwqueue", "-s", f"[127.0.0.1]:{sink.port}")
    assert (p.returncode, p.stdout, p.stderr) == (0, "", "")
    g.wait_log(rf"\]: sent .*m={ids[1]} ", since=mark)
    g.wait_empty_queue()


@pytest.mark.parametrize("args,code,word", [
    (("-i", NOT_THERE), 1, "no such message"),
    (("-i", "short"), 1, "no such message"),
    (("-i",), 64, "usage"),
    (("-s", "nowhere.example"), 1, "no mail for this site"),
    (("-s", "x" * 400), 1, "no mail for this site"),
    (("-f", "-s", "a.example"), 64, "usage"),
    (("-i", NOT_THERE, "-s", "a.example"), 64, "usage"),
])
def test_gwqueue_refuses(g, args, code, word):
    p = g.tool("gwqueue", *args)
    assert p.returncode == code and word in p.stderr and p.stdout == "", (p.returncode, p.stderr)


# gwsuper

def test_hold_and_release(g, sink):
    ident = submit(g)
    assert sup(g, "-h", ident) == "gwsuper: Placed on hold: 1 message\n"
    assert sup(g, "-h", ident) == ""                    # twice
    assert re.search(rf"^{ident}! ", g.tool("gwqueue", "-p").stdout, re.M)
    assert rows_of(g)[ident]["queue_name"] == "hold"
    assert "hold 1" in g.godwit("status").stdout
    p = g.tool("gwqueue", "-i", ident)
    assert p.returncode == 1 and "held" in p.stderr
    sink.takes = True
    mark = g.mark()
    g.tool("gwqueue", "-f", check=True)
    other = submit_taken(g)
    g.advance(6 * 86400)
    assert set(rows_of(g)) == {ident}, other            # neither flush nor time
    g.kill_suite()
    g.start()
    g.wait_ready()
    wait_rows(g, lambda rows: set(rows) == {ident} and rows[ident]["queue_name"] == "hold")
    assert "hold 1" in g.godwit("status").stdout
    assert f" m={ident} " not in "\n".join(x for x in g.log_text(mark).splitlines() if "sent" in x)


def submit_taken(g):
    """A message that the sink takes: those that were due before it were tried."""
    mark = g.mark()
    send(g, message("next", "text\r\n", "alice@example.test", "v@far.example"), to="v@far.example",
         sender="alice@example.test", port=587, user="alice")
    ident = re.search(r" m=(\S+)", g.wait_log(r"\]: queued ", since=mark)).group(1)
    g.wait_log(rf"\]: removed m={ident}", since=mark)
    return ident


def test_release_survives_a_restart(g, sink):
    ident = submit(g)
    sup(g, "-h", ident)
    assert sup(g, "-H", ident) == "gwsuper: Released from hold: 1 message\n"
    assert sup(g, "-H", ident) == ""
    g.kill_suite()
    sink.takes = True
    mark = g.mark()
    g.start()
    g.tool("gwqueue", "-f")
    g.wait_log(rf"\]: removed m={ident}", since=mark)


def test_delete_without_a_notice(g):
    ids = [submit(g) for _ in range(3)]
    err = sup(g, "-d", ids[0], "-d", "-", input=f"{ids[1]}\n\n  \n{ids[2]}\n".replace("  \n", ""))
    assert err == "gwsuper: Deleted: 3 messages\n"
    assert rows_of(g) == {}
    assert sup(g, "-d", ids[0], code=1) == f"gwsuper: {ids[0]}: no such message in the queue\n"
    for ident in ids:       # a line on its way to master dies with the suite
        g.wait_log(rf"\]: operator action=delete m={ident} ")
    g.kill_suite()
    g.start()
    assert rows_of(g) == {}
    assert fetch_all(g, "alice") == []


def test_delete_while_it_is_tried(g, sink):
    sink.takes = True
    sink.may_answer.clear()
    mark = g.mark()
    send(g, message("busy", "text\r\n", "alice@example.test", "u@far.example"), to=["u@far.example"],
         sender="alice@example.test", port=587, user="alice")
    ident = re.search(r" m=(\S+)", g.wait_log(r"\]: queued ", since=mark)).group(1)
    assert sink.has_data.wait(60)
    sink.takes = False
    assert sup(g, "-d", ident) == "gwsuper: Deleted: 1 message\n"
    assert sup(g, "-d", ident) == ""                    # twice
    assert rows_of(g)[ident]["queue_name"] == "active"
    sink.may_answer.set()
    g.wait_log(rf"\]: removed m={ident}", since=mark)
    assert rows_of(g) == {} and fetch_all(g, "alice") == []


def test_delete_all_and_more_ids_than_a_request_takes(g):
    ids = [submit(g) for _ in range(3)]
    many = "".join(f"{i:013d}\n" for i in range(1500))
    err = sup(g, "-h", "-", input=many + ids[0] + "\n", code=1)
    assert err.count("no such message") == 1500 and err.endswith("Placed on hold: 1 message\n")
    p = g.godwit("test", "queue", "queue.super", "h", *[f"{i:013d}" for i in range(1001)])
    assert p.returncode == 65 and "more than 1000 ids" in p.stderr
    assert sup(g, "-d", "ALL") == "gwsuper: Deleted: 3 messages\n"
    assert rows_of(g) == {} and sup(g, "-d", "ALL") == ""


def test_expire_tells_the_sender(g):
    ids = [submit(g) for _ in range(2)]
    sup(g, "-h", ids[1])
    assert sup(g, "-e", ids[0], "-e", ids[1]) == "gwsuper: Force-expired: 2 messages\n"
    g.wait_empty_queue()
    notes = fetch_all(g, "alice")
    assert len(notes) == 2 and all(b"Action: failed" in n and b"Status: 4.4.7" in n for n in notes)
    for ident in ids:
        g.wait_log(rf"\]: expired .*m={ident} ")


def test_requeue_is_sorted_by_the_routes_of_today(g, sink):
    ident = submit(g)
    sup(g, "-h", ident)
    with Sink() as other:
        with open(g.conf, encoding="utf-8") as f:
            text = f.read()
        with open(g.conf, "w", encoding="utf-8") as f:
            f.write(text.replace(f":{sink.port}", f":{other.port}"))
        g.godwit("reload", check=True)
        mark = g.mark()
        assert sup(g, "-r", ident) == "gwsuper: Requeued: 1 message\n"
        g.wait_log(rf"\]: sent .*m={ident} ", since=mark)
        g.wait_empty_queue()
        assert len(other.got) == 1
        other.shutdown()


def test_hold_of_local_mail(g):
    """The store stands still, so mail for a mailbox waits; held, it goes on
    waiting when the store is back."""
    os.kill(g.pids("store")[0], signal.SIGSTOP)
    mark = g.mark()
    send(g, message("late"), to="alice")
    ident = re.search(r" m=(\S+)", g.wait_log(r"\]: queued ", since=mark)).group(1)
    assert sup(g, "-h", ident) == "gwsuper: Placed on hold: 1 message\n"
    for pid in g.pids("deliver"):       # the attempt ends
        os.kill(pid, signal.SIGKILL)
    g.wait_log(rf"\]: deferred .*m={ident} ", since=mark)
    os.kill(g.pids("store")[0], signal.SIGCONT)
    g.wait_ready()
    g.tool("gwqueue", "-f", check=True)
    g.kill("queue")                     # tried anew after a start, but for this
    g.wait_ready()
    wait_rows(g, lambda rows: rows.get(ident, {}).get("queue_name") == "hold")
    g.advance(3600)
    assert fetch_all(g, "alice") == []
    assert sup(g, "-H", ident) == "gwsuper: Released from hold: 1 message\n"
    g.wait_empty_queue()
    assert len(fetch_all(g, "alice")) == 1


# gwsuper -s

def segments(g):
    return sorted(f"{g.root}/spool/{f}" for f in os.listdir(f"{g.root}/spool") if f.startswith("segment-"))


def test_check_counts_records(g):
    p = g.tool("gwsuper", "-s")
    assert (p.returncode, p.stderr) == (0, "") and p.stdout.endswith("0 messages, 0 damaged\n")
    ids = [submit(g, body="line of text\r\n" * 1000) for _ in range(3)]
    sup(g, "-h", ids[0])
    p = g.tool("gwsuper", "-s")
    assert (p.returncode, p.stderr) == (0, "")
    assert p.stdout.endswith("1 segment, 3 messages, 0 damaged\n")
    assert int(re.search(r"(\d+) records", p.stdout).group(1)) >= 6
    with open(segments(g)[-1], "r+b") as f:
        f.seek(5000)                    # in the first body
        f.write(b"spoilt")
    p = g.tool("gwsuper", "-s")
    assert p.returncode == 1 and "  1 damaged\n" in p.stdout and "3 messages, 1 damaged" in p.stderr
    with open(segments(g)[-1], "r+b") as f:
        f.seek(64)                      # its head
        f.write(b"\0" * 64)
    p = g.tool("gwsuper", "-s")
    assert p.returncode == 1 and "0 records  1 damaged\n" in p.stdout
    assert set(rows_of(g)) == set(ids)  # nothing was changed


@pytest.mark.parametrize("args,code,word", [
    ((), 64, "usage"), (("-d",), 64, "usage"), (("-x", "1"), 64, "usage"), (("-d", NOT_THERE, "more"), 64, "usage"),
    (("-d", "short"), 65, "not a queue id"), (("-d", "!" * 13), 65, "not a queue id"),
    (("-d", "U" * 13), 65, "not a queue id"), (("-H", NOT_THERE), 1, "no such message"),
])
def test_gwsuper_refuses(g, args, code, word):
    assert word in sup(g, *args, code=code)


# gwcat

def cat(g, *args, code=0):
    p = g.tool("gwcat", *args)
    assert p.returncode == code, (p.returncode, p.stderr)
    return p.stdout


def looks_until(g, ident, text):
    """gwqueue tells of an attempt when queue knows, gwcat when it is on the
    disk: how often one had to look."""
    step = threading.Event()
    for n in range(1, 600):
        if text in cat(g, "-e", "-q", ident):
            return n
        step.wait(0.05)
    raise AssertionError(g.log_tail())


def test_gwcat_shows_envelope_header_body(g):
    ident = submit(g, subject="the subject", body="first\r\n\r\nthird\r\n..dots\r\n")
    before = looks_until(g, ident, "reason: ")
    envelope, header, body = (cat(g, flag, "-q", ident) for flag in ("-e", "-h", "-b"))
    assert "sender: alice@example.test\n" in envelope and "\nrecipient: u@far.example\n" in envelope
    assert "reason: " in envelope and "first" not in envelope
    assert "Subject: the subject\n" in header and header.endswith("\n\n") and "\r" not in header and "first" not in header
    assert body == "first\n\nthird\n..dots\n"
    assert cat(g, "-b", "-h", "-q", ident.lower()) == header + body
    whole = cat(g, "-q", ident)
    assert whole == (f"*** ENVELOPE RECORDS {ident} ***\n{envelope}*** MESSAGE CONTENTS {ident} ***\n{header}{body}"
                     f"*** MESSAGE FILE END {ident} ***\n")
    g.stop()
    looks = [x for x in g.log_text().splitlines() if "]: operator action=" in x]
    assert len(looks) == 6 + before and all(f" m={ident} uid={os.geteuid()}" in x for x in looks)
    assert sum("action=envelope" in x for x in looks) == 2 + before


@pytest.mark.parametrize("lines", [4000, 30000])     # in memory, and in a file of chunks
def test_gwcat_pages(g, lines):
    body = "".join(f"line {i:06d}\r\n" for i in range(lines))
    ident = submit(g, body=body)
    assert cat(g, "-b", "-q", ident) == body.replace("\r\n", "\n")
    header = cat(g, "-h", "-q", ident)
    assert header.endswith("\n\n") and "line 0" not in header


def test_gwcat_refuses_a_cursor_of_its_own(g):
    ident = submit(g)
    for args, code in (((ident, "b", NOT_THERE), 75), ((ident, "b", "x"), 75), ((ident, "x"), 64), ((ident,), 64), ((), 64)):
        assert g.godwit("test", "queue", "queue.cat", *args).returncode == code, args


@pytest.mark.parametrize("args,code", [((), 64), (("-q",), 64), (("-q", ""), 64), (("-x", "-q", NOT_THERE), 64),
                                       (("-q", NOT_THERE, "more"), 64), (("-q", NOT_THERE), 1), (("-q", "short"), 1)])
def test_gwcat_refuses(g, args, code):
    assert cat(g, *args, code=code) == ""


def test_status_tells_who_refuses(g, sink):
    sink.shutdown()
    sink.server_close()
    for _ in range(4):
        submit(g)
    for _ in range(2):      # for which it is not even tried
        send(g, message("more", "text\r\n", "alice@example.test", "u@far.example"), to="u@far.example",
             sender="alice@example.test", port=587, user="alice")
    assert len(rows_of(g)) == 6
    site = f"[127.0.0.1]:{sink.port}"
    line = (rf"{re.escape(site)} refuses since \d\d:\d\d, 6 messages wait \(gwqueue -s {re.escape(site)}\)")
    assert any(re.fullmatch(line, w) for w in g.status()["warnings"]), g.status()["warnings"]
    p = g.godwit("status")
    assert p.returncode == 0
    assert re.search(rf"(^1 warning: |^  ){line}$", p.stdout, re.M), p.stdout
    assert re.search(r"^relay.*  dead destinations 1$", p.stdout, re.M), p.stdout
    assert g.tool("gwqueue", "-p", "-s", site).stdout.count("u@far.example") == 6


# gwshape

def test_gwshape_counts_by_site_and_age(g, sink):
    submit(g)
    g.advance(3000)
    submit(g, to="v@far.example")
    p = g.tool("gwshape")
    assert p.returncode == 0
    rows = {line.split()[0]: line.split()[1:] for line in p.stdout.splitlines()}
    assert rows["T"] == ["5", "10", "20", "40", "80", "160", "320", "640", "1280", "1280+"]
    assert rows["TOTAL"] == rows[f"[127.0.0.1]:{sink.port}"] == ["2", "1", "0", "0", "0", "1", "0", "0", "0", "0", "0"]
    sup(g, "-h", next(iter(rows_of(g))))
    site = f"[127.0.0.1]:{sink.port}"

    def table(*args):
        p = g.tool("gwshape", *args)
        assert p.returncode == 0, p.stderr
        return {line.split()[0]: line.split()[1:] for line in p.stdout.splitlines()}

    assert table("-l", "-b", "3", "-t", "40", "hold") == {
        "T": ["40", "80", "80+"], "TOTAL": ["1", "0", "1", "0"], site: ["1", "0", "1", "0"]}
    assert table("deferred", "incoming", "active")["TOTAL"][:2] == ["1", "1"]
    assert table("-n", "0").keys() == {"T", "TOTAL"}
    assert table("-s", "-b", "2") == {"T": ["5", "5+"], "TOTAL": ["2", "1", "1"], "example.test": ["2", "1", "1"]}
    assert table("-s", "-b", "2", "hold") == {"T": ["5", "5+"], "TOTAL": ["1", "0", "1"], "example.test": ["1", "0", "1"]}
    for bad in (("more",), ("-b", "1"), ("-b", "31"), ("-t", "0"), ("-n", "501"), ("corrupt",), ("-x",)):
        assert g.tool("gwshape", *bad).returncode == 64


TOOLS = [("gwcat", "-q", NOT_THERE), ("gwshape",), ("gwsuper", "-s"), ("gwqueue", "-s", "a.example"), ("gwqueue", "-i", NOT_THERE), ("gwsuper", "-d", "ALL")]


@pytest.mark.parametrize("args", TOOLS, ids=lambda a: " ".join(a[:2]))
def test_suite_is_down(args):
    with godwit.Instance() as g:
        p = g.tool(*args)
        assert p.returncode == 69 and "not running" in p.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("args", TOOLS, ids=lambda a: " ".join(a[:2]))
def test_not_permitted(g, args):
    import subprocess
    os.chmod(g.root, 0o755)
    p = subprocess.run([f"{godwit.BIN}/{args[0]}", "-c", g.etc, *args[1:]], capture_output=True, text=True, user=65534,
                       group=65534, extra_groups=[], check=False)
    assert p.returncode == 77, (p.returncode, p.stderr)
