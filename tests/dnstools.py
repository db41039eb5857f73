# SPDX-License-Identifier: ISC
"""nsd with zones of a test, and unbound that validates them: on loopback,
high ports, as processes of the test, in a folder of the test."""
import collections
import os
import re
import shutil
import socket
import subprocess
import threading

START_S = 30


def has_all():
    return all(shutil.which(p, path=os.environ["PATH"] + ":/usr/sbin") for p in
               ("nsd", "unbound", "ldns-signzone", "ldns-keygen"))


def free_port(address="127.0.0.1"):
    """A port that is free for UDP and TCP."""
    while True:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as udp, socket.socket(family) as tcp:
            udp.bind((address, 0))
            try:
                tcp.bind((address, udp.getsockname()[1]))
                return udp.getsockname()[1]
            except OSError:
                continue


class Server:
    """A process whose standard error says when it serves."""

    def __init__(self, argv, ready):
        self.lines = collections.deque(maxlen=10000)
        self._changed = threading.Condition()
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.wait_line(ready)
        except AssertionError:
            self.stop()
            raise

    def _read(self):
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line.rstrip())
                self._changed.notify_all()
        with self._changed:
            self.lines.append("its log has ended")
            self._changed.notify_all()

    def count(self, pattern):
        with self._changed:
            return sum(1 for line in self.lines if re.search(pattern, line))

    def wait_line(self, pattern, times=1):
        def there():
            return sum(1 for line in self.lines if re.search(pattern, line)) >= times or \
                (self.lines and self.lines[-1] == "its log has ended")
        with self._changed:
            self._changed.wait_for(there, START_S)
            assert sum(1 for line in self.lines if re.search(pattern, line)) >= times, \
                f"{pattern}: " + "\n".join(self.lines)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(10)
        self.process.stderr.close()


def sign(folder, zone, text):
    """Signs a zone; returns the signed text and its trust anchor."""
    os.makedirs(folder, exist_ok=True)
    plain = f"{folder}/{zone}.plain"
    with open(plain, "w", encoding="ascii") as f:
        f.write(text)
    run = dict(cwd=folder, check=True, capture_output=True, text=True, timeout=60)
    key = subprocess.run(["ldns-keygen", "-k", "-a", "ECDSAP256SHA256", zone], **run).stdout.strip()
    subprocess.run(["ldns-signzone", "-o", zone, "-f", f"{zone}.signed", plain, key], **run)
    with open(f"{folder}/{zone}.signed", encoding="ascii") as f:
        signed = f.read()
    with open(f"{folder}/{key}.key", encoding="ascii") as f:
        return signed, f.read()


class Nsd(Server):
    """zones: name to text."""

    def __init__(self, folder, zones, address="127.0.0.1", port=None):
        os.makedirs(folder, exist_ok=True)
        self.address, self.port, self.zones = address, port or free_port(address), dict(zones)
        conf = (
            f'server:\n ip-address: {address}\n port: {self.port}\n username: ""\n chroot: ""\n'
            f' zonesdir: "{folder}"\n pidfile: ""\n database: ""\n xfrdfile: "{folder}/xfrd.state"\n'
            f' zonelistfile: "{folder}/zone.list"\n xfrdir: "{folder}"\n server-count: 1\n'
            f' verbosity: 1\n minimal-responses: yes\nremote-control:\n control-enable: no\n')
        for n, (zone, text) in enumerate(self.zones.items()):
            with open(f"{folder}/zone{n}", "w", encoding="ascii") as f:
                f.write(text)
            conf += f'zone:\n name: "{zone}"\n zonefile: "zone{n}"\n'
        with open(f"{folder}/nsd.conf", "w", encoding="ascii") as f:
            f.write(conf)
        super().__init__(["/usr/sbin/nsd", "-d", "-c", f"{folder}/nsd.conf"], r"nsd started")


class Unbound(Server):
    """Validates below the anchors; asks nsd for its zones, and nobody else.
    allow: who may ask."""

    def __init__(self, folder, nsd, anchors, address="127.0.0.1", port=None, allow="127.0.0.0/8"):
        os.makedirs(folder, exist_ok=True)
        self.address, self.port = address, port or free_port(address)
        with open(f"{folder}/anchors", "w", encoding="ascii") as f:
            f.write("".join(anchors))
        conf = (
            f'server:\n interface: {address}@{self.port}\n access-control: {allow} allow\n'
            f' username: ""\n chroot: ""\n directory: "{folder}"\n pidfile: ""\n use-syslog: no\n'
            f' logfile: ""\n verbosity: 1\n log-queries: yes\n num-threads: 1\n do-ip6: no\n'
            f' do-not-query-localhost: no\n module-config: "validator iterator"\n'
            f' trust-anchor-file: "{folder}/anchors"\n local-zone: "test." nodefault\n'
            f' minimal-responses: yes\nremote-control:\n control-enable: no\n')
        for zone in nsd.zones:
            conf += f'stub-zone:\n name: "{zone}"\n stub-addr: {nsd.address}@{nsd.port}\n'
        with open(f"{folder}/unbound.conf", "w", encoding="ascii") as f:
            f.write(conf)
        super().__init__(["/usr/sbin/unbound", "-d", "-p", "-c", f"{folder}/unbound.conf"],
                         r"start of service")

    def queries(self, name, kind):
        """How many of these questions have reached it."""
        return self.count(rf" {re.escape(name)}\. {kind} IN")
