# SPDX-License-Identifier: ISC
"""README's first command, as its reader uses it: on a terminal."""
import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

import godwit


class Terminal:
    def __init__(self, argv, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(godwit.TOP)
            os.execvpe(argv[0], argv, env)
        self.text = ""

    def read_until(self, pattern, seconds=60):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            left = end - time.monotonic()
            assert left > 0 and select.select([self.fd], [], [], left)[0], self.text
            try:
                self.text += os.read(self.fd, 4096).decode()
            except OSError:     # the other end closed
                raise AssertionError(self.text) from None
        return self.text.replace("\r\n", "\n")

    def end(self, key):
        """Press a key; the exit status."""
        os.write(self.fd, key)
        while True:
            try:
                if not os.read(self.fd, 4096):
                    break
            except OSError:
                break
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def env(tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    os.chmod(tmp_path, 0o755)
    for up in list(tmp_path.parents)[:2]:
        os.chmod(up, 0o755)
    base, lock = godwit._take_base()
    yield dict(os.environ, RUN_DIR=f"{tmp_path}/run", RUN_BASE=str(base), RUN_BIN=godwit.BIN)
    os.close(lock)


def commands(text):
    """The two curl commands that it prints, ready for a shell."""
    send = re.search(r"^printf .*?-T -$", text, re.M | re.S).group(0)
    read = re.search(r"^curl .*MAILINDEX=1'$", text, re.M).group(0)
    return send, read


def test_make_run(env):
    t = Terminal(["sh", "dist/run.sh"], env)
    text = t.read_until(r"godwit: ready\r?\n")
    assert text.rstrip().endswith("godwit: ready")
    send, read = commands(text)
    subprocess.run(["sh", "-c", send], check=True, timeout=60)
    out = subprocess.run(["sh", "-c", read], check=True, timeout=60, capture_output=True, text=True).stdout
    assert "Subject: hello" in out and "Hello, Bob." in out
    assert t.end(b"\x03") == 0
    # kept between runs, accounts and mail
    t = Terminal(["sh", "dist/run.sh"], env)
    text = t.read_until(r"godwit: ready\r?\n")
    out = subprocess.run(["sh", "-c", commands(text)[1]], check=True, timeout=60, capture_output=True, text=True).stdout
    assert "Hello, Bob." in out
    assert t.end(b"\x03") == 0
