# SPDX-License-Identifier: ISC
"""Mail between two Godwits, by CMTP 2 and by SMTP inside TLS, in turn; and what
sealing costs beside the cipher alone."""
import os
import re
import subprocess
import sys
import time

import suite

sys.path.insert(0, os.path.join(suite.TOP, "tests"))
import dnstools  # noqa: E402

ZONE = """$ORIGIN test.
$TTL 3600
@ IN SOA ns hostmaster 1 3600 600 86400 1
@ IN NS ns
ns IN A 127.0.0.1
mx IN A 127.0.0.1
a IN MX 10 mx
b IN MX 10 mx
"""
KINDS = {"SMTP+TLS": ("no", "encrypt"), "CMTP 2": ("require", "may")}
WAIT_S = 120


class Tail:
    """Counts lines of a log that grows."""

    def __init__(self, path, pattern):
        self.file, self.pattern, self.count = open(path, "rb"), re.compile(pattern), 0
        self.file.seek(0, os.SEEK_END)
        self.rest = b""

    def read(self):
        lines = (self.rest + self.file.read()).split(b"\n")
        self.rest = lines.pop()
        self.count += sum(1 for line in lines if self.pattern.search(line))
        return self.count

    def close(self):
        self.file.close()


class Pair:
    """a sends to users of b; each finds the other by MX."""

    def __init__(self, work):
        self.nsd = dnstools.Nsd(f"{work}/nsd", {"test": ZONE})
        bases = [suite.Godwit.find_base()]
        bases.append(suite.Godwit.find_base(bases))
        self.sites = []
        for name, base, other in (("a", bases[0], bases[1]), ("b", bases[1], bases[0])):
            config = (f'dns {{ server = "127.0.0.1:{self.nsd.port}" }}\nrelay {{ port = {other + 25} }}\n'
                      'mynetworks = {"127.0.0.0/8"}\n')
            self.sites.append(suite.Godwit(work, name=name, domain=f"{name}.test", base=base, config=config))
        self.a, self.b = self.sites
        with open(f"{self.a.root}/etc/godwit.conf", encoding="ascii") as f:
            self.plain = f.read()
        self.b.start()
        self.b.add_users()
        self.b.stop()

    def start(self, cmtp, tls):
        with open(f"{self.a.root}/etc/godwit.conf", "w", encoding="ascii") as f:
            f.write(f'{self.plain}\nroute "b" {{ to = {{"b.test"}}  cmtp = {cmtp}  tls = {tls} }}\n')
        for s in self.sites:
            s.start()

    def stop(self):
        for s in self.sites:
            s.stop()

    def close(self):
        for s in self.sites:
            s.close()
        self.nsd.stop()

    def send(self, messages, size, sessions):
        """Messages/s until they are in the mailboxes, CPU ms of both a message."""
        tail = Tail(f"{self.b.root}/log/godwit.log", rb" deliver\[\d+\]: sent ")
        try:
            cpu = sum(s.group.seconds() for s in self.sites)
            started = time.monotonic()
            subprocess.run([f"{suite.TOP}/build/testbin/smtp_load", str(self.a.port), str(sessions), str(messages),
                            str(size), "b.test", str(suite.USERS), "bench@a.test"], check=True, stdout=subprocess.DEVNULL)
            while tail.read() < messages:
                if time.monotonic() - started > WAIT_S:
                    raise RuntimeError(f"{tail.count} of {messages} messages came, see {self.a.root}/log")
                time.sleep(0.01)
            seconds = time.monotonic() - started
        finally:
            tail.close()
        return messages / seconds, (sum(s.group.seconds() for s in self.sites) - cpu) * 1000 / messages


def between(say, median, work, rounds, messages):
    pair = Pair(work)
    sizes = ((4096, messages), (1 << 20, max(messages // 40, 20)))
    results = {(kind, size): [] for kind in KINDS for size, _ in sizes}
    try:
        for _ in range(rounds):
            for kind, how in KINDS.items():
                pair.start(*how)
                pair.send(200, 4096, 20)        # warm
                for size, count in sizes:
                    results[kind, size].append(pair.send(count, size, 20))
                pair.stop()
    finally:
        pair.close()
    for size, _ in sizes:
        name = f"{size >> 10} KiB" if size < 1 << 20 else f"{size >> 20} MiB"
        s, c = results["SMTP+TLS", size], results["CMTP 2", size]
        for kind, rows in (("SMTP+TLS", s), ("CMTP 2", c)):
            say(f"{name}, 20 sessions, one Godwit to another: {kind}", f"{median(rows, 0):.0f}/s")
        say("  rate, CMTP 2 to SMTP+TLS", f"{median(c, 0) / median(s, 0):.2f} x", "aim 0.8 x")
        say("  CPU ms a message, both: SMTP+TLS, CMTP 2", f"{median(s, 1):.3f}, {median(c, 1):.3f}")


def sealing(say, rounds):
    out = subprocess.run([f"{suite.TOP}/build/testbin/seal_load", "64", str(2 * rounds + 1)], check=True,
                         capture_output=True, text=True).stdout
    own, seal, opened = map(float, out.split())
    say("AES-256-GCM by OpenSSL alone, chunks of 16 KiB", f"{own:.0f} MB/s")
    say("sealing, opening", f"{seal:.0f}, {opened:.0f} MB/s")
    say("  sealing to the cipher alone", f"{seal / own:.2f} x", "aim 1.0 x")
