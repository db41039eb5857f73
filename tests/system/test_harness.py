# SPDX-License-Identifier: ISC
"""What the tests of crashes rely on: the watched log, the sessions that
outlive a death, the report of a failure."""
import imaplib
import importlib.machinery
import importlib.util
import itertools
import os

import crashload
import imapwatch
import pytest

import godwit


@pytest.fixture
def g(tmp_path):
    """An instance that is never started, with a log of its own."""
    g = godwit.Instance(root=str(tmp_path))
    os.mkdir(tmp_path / "log")
    g.watch = godwit._Watch(str(tmp_path / "log"))
    yield g
    g.watch.close()


def write_log(g, *lines):
    with open(g.log, "a", encoding="utf-8") as f:
        f.write("".join(line + "\n" for line in lines))


def test_deaths_in_quick_succession_are_each_seen(g):
    write_log(g, *(f"t master[1]: exit daemon=store pid={pid} signal=SIGKILL" for pid in (7, 8, 9)))
    assert [g.wait_exit("store").split()[4] for _ in range(3)] == ["pid=7", "pid=8", "pid=9"]


def test_a_line_that_is_being_written_is_waited_for(g):
    with open(g.log, "w", encoding="utf-8") as f:
        f.write("t master[1]: exit daemon=store pid=7 sig")
    with pytest.raises(godwit.Failed):
        g.wait_log("exit daemon=store", since=0, seconds=0)
    write_log(g, "nal=SIGKILL")
    assert g.wait_log("exit daemon=store", since=0, seconds=0).endswith("signal=SIGKILL")


def test_log_tail_is_not_all_flow(g):
    write_log(g, "t store[2]: fatal reason=step", *(f"t queue[3]: sent m={i}" for i in range(100)), "t keyd[4]: start")
    tail = g.log_tail().splitlines()
    assert tail[0] == "t store[2]: fatal reason=step" and tail[1].endswith("m=90") and tail[-1] == "t keyd[4]: start"
    assert len(tail) == 12
    assert len(g.log_tail(lines=5).splitlines()) == 5


class FakeImap:
    """What imaplib gives, from a script of answers by verb."""

    def __init__(self, script):
        self.script = script

    def __getattr__(self, verb):
        def answer(*args):
            name = args[0].lower() if verb == "uid" else verb
            return next(self.script.get(name, iter(())), ("OK", [b"[APPENDUID 1 1] done"]))
        return answer


class NoServer:
    def add_user(self, *_):
        pass

    def log_tail(self):
        return ""


@pytest.fixture
def reader(monkeypatch):
    script = {}
    monkeypatch.setattr(crashload, "imap", lambda *_: FakeImap(script))
    reader = crashload.Reader(NoServer(), "rita")
    reader.script = script
    return reader


NO = ("NO", [b"[UNAVAILABLE] Not available at the moment, try again"])


@pytest.mark.parametrize("verb", ["select", "append", "copy", "move", "store", "expunge"])
def test_reader_lives_through_a_refusal(reader, verb):
    reader.script[verb] = iter([NO])
    with reader:
        reader.wait_rounds(8)
    assert verb in reader.refused


def test_refused_store_leaves_the_message_expected(reader):
    """EXPUNGE would say OK, having expunged nothing."""
    reader.script["store"] = itertools.repeat(NO)
    m = FakeImap(reader.script)
    with pytest.raises(imaplib.IMAP4.error):
        reader.one(m, "r1", "expunge")
    assert reader.want["r1"] == {(1, 0)}


def test_reader_that_breaks_is_told(reader):
    reader.script["append"] = iter([("OK", [b"no uid"])])
    with pytest.raises(AssertionError, match="the test's own session ended"), reader:
        reader.wait_rounds(1)


def test_reader_that_stands_still_says_where(reader):
    with pytest.raises(AssertionError, match=r"(?s)stands at 0 of 1; .*nothing; last refusal: None"):
        reader.wait_rounds(1, limit=0)


def test_report_ends_with_the_exception():
    loader = importlib.machinery.SourceFileLoader("tests_run", f"{godwit.TOP}/tests/run")
    run = importlib.util.module_from_spec(importlib.util.spec_from_loader("tests_run", loader))
    loader.exec_module(run)
    text = run.failure_text("t" * 9000 + "\nend", "AssertionError: why" + "\nlog line" * 500)
    head, _, tail = text.partition("AssertionError: why")
    assert head == ("t" * 3996 + "\nend\n") and len(tail) == 600 - len("AssertionError: why")


def test_every_instance_is_heard():
    """imapd's answers reach the checker: what is legal passes, and what is
    not fails at the end of the instance."""
    with godwit.Instance() as g:
        g.start()
        g.add_user("alice@example.test", "secret")
        with g.imap("alice@example.test", "secret") as m:
            m.select()
        g.stop()
        sessions, responses, faults = imapwatch.check_folder(g.heard)
        assert (sessions, faults) == (1, []) and responses > 10
    with pytest.raises(AssertionError, match="no command waits with"), godwit.Instance() as g:
        with open(f"{g.heard}/1", "wb") as f:
            f.write(b"1 S 6\n* OK x1 S 2\n\r\n1 S 8\na OK x\r\n")
