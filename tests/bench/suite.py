# SPDX-License-Identifier: ISC
"""The mail systems under measurement: start, stop, what they used.

Each suite runs as plain processes below one root process, in a cpuacct
control group where there is one, so that its CPU time is what the kernel
accounted to all its processes.  Nothing packaged is started: Debian's files
are unpacked into build/peers and run from there.
"""
import imaplib
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PEERS = f"{TOP}/build/peers"
USERS = 20
DOMAIN = "example.test"


def unpack(*packages):
    """Unpack Debian packages below build/peers, once."""
    os.makedirs(PEERS, exist_ok=True)
    for name in packages:
        if os.path.exists(f"{PEERS}/{name}.done"):
            continue
        subprocess.run(["apt-get", "-q", "download", name], cwd=PEERS, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deb = next(f for f in os.listdir(PEERS) if f.startswith(name + "_"))
        subprocess.run(["dpkg", "-x", deb, "tree"], cwd=PEERS, check=True)
        open(f"{PEERS}/{name}.done", "w").close()


def imap_login(port, user, tls):
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        m = imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=context)
    else:
        m = imaplib.IMAP4("127.0.0.1", port)
    m.login(f"{user}@{DOMAIN}", "secret")
    return m


class Group:
    """A control group that accounts CPU time; usage in seconds."""

    def __init__(self, name):
        v1, v2 = "/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup"
        self.is_v1 = os.path.exists(f"{v1}/cpuacct.usage")
        if not self.is_v1 and not os.path.exists(f"{v2}/cgroup.controllers"):
            raise RuntimeError("bench needs control groups that account CPU time")
        self.path = f"{v1 if self.is_v1 else v2}/godwit-bench-{name}-{os.getpid()}"
        os.makedirs(self.path, exist_ok=True)

    def enter(self):
        with open(f"{self.path}/cgroup.procs", "w") as f:
            f.write(str(os.getpid()))

    def seconds(self):
        if self.is_v1:
            with open(f"{self.path}/cpuacct.usage") as f:
                return int(f.read()) / 1e9
        with open(f"{self.path}/cpu.stat") as f:
            return int(f.readline().split()[1]) / 1e6

    def pids(self):
        with open(f"{self.path}/cgroup.procs") as f:
            return [int(x) for x in f.read().split()]

    def remove(self):
        for _ in range(50):
            try:
                os.rmdir(self.path)
                return
            except OSError:
                time.sleep(0.1)


class Flushes:
    """Counts of flush calls on the whole machine between start and stop."""

    CALLS = ["fsync", "fdatasync", "sync_file_range", "syncfs", "msync"]

    def __enter__(self):
        events = ",".join(f"syscalls:sys_enter_{c}" for c in self.CALLS)
        self.p = subprocess.Popen(["perf", "stat", "-x", ";", "-a", "-e", events, "cat"],
                                  stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(0.3)     # perf says nothing when it has begun to count
        return self

    def __exit__(self, *_):
        text = self.p.communicate("")[1]    # cat sees the end, perf prints
        rows = [r.split(";") for r in text.splitlines() if ";syscalls:" in r]
        self.count = sum(int(r[0]) for r in rows if r[0].isdigit()) if rows else None


def free_port():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
    s.close()
    return port


class Suite:
    name = "?"

    def __init__(self, work):
        self.dir = f"{work}/{self.name}"
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.group = Group(self.name)
        self.process = None

    def spawn(self, argv, **kw):
        self.process = subprocess.Popen(argv, preexec_fn=self.group.enter, **kw)

    def wait_banner(self, port, limit=30):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            try:
                with socket.create_connection(("127.0.0.1", port), 5) as s:
                    if s.recv(4).startswith((b"220", b"* OK")):
                        return
            except OSError:
                pass
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}")
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not answer on {port}")

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None
        for pid in self.group.pids():
            os.kill(pid, signal.SIGKILL)

    def close(self):
        self.stop()
        self.group.remove()


class Postfix(Suite):
    """Postfix 3.7 with Debian's defaults, virtual(8) to Maildir or another
    transport for the domain."""

    name = "postfix"

    def __init__(self, work, relayhost="", transport="virtual"):
        super().__init__(work)
        self.relayhost, self.transport = relayhost, transport
        unpack("postfix")
        self.lib = f"{PEERS}/tree/usr/lib/postfix"
        self.sbin = f"{PEERS}/tree/usr/sbin"
        self.port = free_port()
        self.mail = f"{self.dir}/mail"
        self.setup()

    def setup(self):
        conf, spool, data = (f"{self.dir}/{d}" for d in ("etc", "spool", "data"))
        for d in (conf, spool, data, self.mail):
            os.makedirs(d)
        os.chmod(self.dir, 0o755)
        maps = " ".join(f"{{u{i}@{DOMAIN} = u{i}/}}" for i in range(USERS)).replace("} {", "}, {")
        with open(f"{conf}/main.cf", "w") as f:
            f.write(f"""compatibility_level = 3.6
queue_directory = {spool}
data_directory = {data}
command_directory = {self.sbin}
daemon_directory = {self.lib}/sbin
shlib_directory = {self.lib}
meta_directory = {PEERS}/tree/etc/postfix
mail_owner = bench-mta
setgid_group = bench-drop
default_privs = nobody
import_environment = LD_LIBRARY_PATH MAIL_CONFIG LANG=C
export_environment = LD_LIBRARY_PATH LANG
smtpd_banner = $myhostname ESMTP
biff = no
append_dot_mydomain = no
myhostname = mx.{DOMAIN}
mydestination = localhost
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
alias_maps =
recipient_delimiter = +
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
smtpd_client_connection_count_limit = 100
smtputf8_enable = no
virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_base = {self.mail}
virtual_mailbox_maps = inline:{{ {maps} }}
virtual_uid_maps = static:{pwd.getpwnam('nobody').pw_uid}
virtual_gid_maps = static:{pwd.getpwnam('nobody').pw_gid}
relayhost = {self.relayhost}
virtual_transport = {self.transport}
""")
        rows = ["smtp inet n - n - - smtpd", "pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup",
                "qmgr unix n - n 300 1 qmgr", "tlsmgr unix - - n 1000? 1 tlsmgr",
                "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce",
                "defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce", "verify unix - - n - 1 verify",
                "flush unix n - n 1000? 0 flush", "proxymap unix - - n - - proxymap",
                "smtp unix - - n - - smtp", "lmtp unix - - n - - lmtp",
                "relay unix - - n - - smtp", "error unix - - n - - error",
                "retry unix - - n - - error", "discard unix - - n - - discard", "local unix - n n - - local",
                "virtual unix - n n - - virtual", "anvil unix - - n - 1 anvil", "scache unix - - n - 1 scache"]
        rows[0] = rows[0].replace("smtp inet", f"127.0.0.1:{self.port} inet")
        with open(f"{conf}/master.cf", "w") as f:
            f.write("\n".join(rows) + "\n")
        self.conf = conf
        nobody = pwd.getpwnam("nobody")
        os.chown(self.mail, nobody.pw_uid, nobody.pw_gid)

    def start(self):
        # Its own users, known inside a mount namespace only.
        script = f"""set -e
cp /etc/passwd {self.dir}/passwd; cp /etc/group {self.dir}/group
echo 'bench-mta:x:58990:58990::/:/bin/false' >>{self.dir}/passwd
printf 'bench-mta:x:58990:\\nbench-drop:x:58991:\\n' >>{self.dir}/group
mount --bind {self.dir}/passwd /etc/passwd; mount --bind {self.dir}/group /etc/group
cd {self.dir}/spool
for d in active bounce corrupt defer deferred flush hold incoming private saved trace; do
    mkdir -p $d; chown 58990 $d; chmod 700 $d; done
mkdir -p pid public maildrop; chown 58990:58991 public maildrop; chmod 710 public; chmod 730 maildrop
chown 58990 {self.dir}/data
exec {self.lib}/sbin/master -c {self.conf} -d
"""
        env = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": self.lib, "MAIL_CONFIG": self.conf}
        self.spawn(["unshare", "-m", "sh", "-c", script], env=env,
                   stdout=open(f"{self.dir}/out", "w"), stderr=subprocess.STDOUT)
        self.wait_banner(self.port)

    def delivered(self):
        total = 0
        for i in range(USERS):
            new = f"{self.mail}/u{i}/new"
            total += len(os.listdir(new)) if os.path.isdir(new) else 0
        return total

    def clear(self):
        for i in range(USERS):
            shutil.rmtree(f"{self.mail}/u{i}", ignore_errors=True)


class Sink:
    """Takes every message; how many so far."""

    def __init__(self):
        self.port = free_port()
        self.process = subprocess.Popen([f"{TOP}/build/testbin/smtp_sink", str(self.port)], stdout=subprocess.PIPE,
                                        text=True)
        self.process.stdout.readline()
        self.control = socket.create_connection(("127.0.0.1", self.port))
        self.replies = self.control.makefile()
        self.replies.readline()

    def count(self):
        self.control.sendall(b"XCOUNT\r\n")
        return int(self.replies.readline().split()[1])

    def close(self):
        self.replies.close()
        self.control.close()
        self.process.kill()
        self.process.wait()


class Godwit(Suite):
    name = "godwit"

    def __init__(self, work, relayhost="", name=None, domain=DOMAIN, base=None, config=""):
        """name, domain, base: where there are two."""
        self.name, self.domain = name or self.name, domain
        super().__init__(work)
        self.bin = f"{TOP}/build/bin"
        self.root = f"{self.dir}/instance"
        self.base = base or self.find_base()
        self.port = self.base + 25
        os.chmod(self.dir, 0o755)
        subprocess.run([f"{self.bin}/godwit", "setup", "--instance", self.root, "--domain", domain,
                        "--hostname", f"mx.{domain}", "--local", str(self.base)],
                       check=True, stdout=subprocess.DEVNULL)
        if relayhost:
            config += f'''mynetworks = {{"127.0.0.0/8"}}
route "all" {{ to = {{"*"}}  relay = "{relayhost}"  tls = none }}
'''
        with open(f"{self.root}/etc/godwit.conf", "a") as f:
            f.write(config)

    @staticmethod
    def find_base(taken=()):
        for base in range(12000, 22000, 1000):
            with socket.socket() as s:
                if base not in taken and s.connect_ex(("127.0.0.1", base + 25)) != 0:
                    return base
        raise RuntimeError("no free base")

    def configure(self, name, value):
        subprocess.run([f"{self.bin}/gwconf", "-c", f"{self.root}/etc", "-e", f"{name}={value}"], check=True)

    def reconfigure(self, name, value):
        """Every daemon has heard of it when this returns."""
        self.configure(name, value)
        subprocess.run([f"{self.bin}/godwit", "-c", f"{self.root}/etc", "reload"], check=True,
                       stdout=subprocess.DEVNULL)

    def start(self):
        self.spawn([f"{self.bin}/godwit", "-c", f"{self.root}/etc", "run"],
                   stdout=subprocess.PIPE, stderr=open(f"{self.dir}/err", "a"), text=True)
        for line in self.process.stdout:
            if "godwit: ready" in line:
                return
        raise RuntimeError("godwit did not start, see " + f"{self.dir}/err")

    def add_users(self):
        for i in range(USERS):
            subprocess.run([f"{self.bin}/gwuser", "-c", f"{self.root}/etc", "add", f"u{i}@{self.domain}",
                            "--password-stdin"], input="secret\n", text=True, check=True,
                           stdout=subprocess.DEVNULL)

    def delivered(self):
        return None     # the 250 says so
