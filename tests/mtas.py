# SPDX-License-Identifier: ISC
"""Postfix, Exim and OpenSMTPD on hosts of a virtual network (network.py).

Debian's packages are unpacked into build/peers and run from there: nothing is
installed and no package's service starts.  Each one lives in namespaces and a
root directory of its own, where it finds its users, its /etc and its standard
paths, and all its processes go when the first one does.  It has one account,
"user", with a maildir, and relays what comes from its own host.
"""
import fcntl
import glob
import os
import re
import signal
import smtplib
import subprocess
import time

import godwit
import network

PEERS = f"{godwit.TOP}/build/peers"
USER_ID = 58800
# user: the account; the others are those the programs run as.
IDS = {"user": USER_ID, "postfix": 58801, "postdrop": 58802, "Debian-exim": 58803, "opensmtpd": 58804,
       "opensmtpq": 58805}
PACKAGES = ("postfix", "exim4-daemon-light", "opensmtpd")
START_S = 60
RUN = """set -e
cd "$R"
for d in bin lib lib64 share; do if [ -d /usr/$d ]; then mkdir -p usr/$d; mount --bind /usr/$d usr/$d; fi; done
mount -t tmpfs tmpfs usr/sbin
cp "$TREE"/usr/sbin/* usr/sbin/
[ ! -e usr/sbin/exim4 ] || chmod 4755 usr/sbin/exim4
[ ! -d "$TREE/usr/libexec" ] || mount --bind "$TREE/usr/libexec" usr/libexec
mount --bind "$TREE" peers
libs=$(cd "$TREE" && find usr/lib lib -name 'lib*.so.*' -exec dirname {} + 2>/dev/null | sort -u)
[ -z "$libs" ] || { for d in $libs; do echo /peers/$d; done >etc/ld.so.conf; /sbin/ldconfig -r .; }
mount --rbind /dev dev
mount -t proc proc proc
chroot "$R" "$@"
exit
"""


def unpack(packages=PACKAGES, libs=True):
    """Below build/peers, once, with the libraries that the system lacks; a
    mirror that fails is asked again."""
    os.makedirs(PEERS, exist_ok=True)
    with open(f"{PEERS}/lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = list(packages)
        for name in wanted:
            if not os.path.exists(f"{PEERS}/{name}.done"):
                _unpack_one(name)
            wanted += [lib for lib in _missing(name) if lib not in wanted] if libs else []


def _missing(name):
    """Libraries that a package depends on and that are not installed."""
    depends = subprocess.run(["dpkg-deb", "-f", _file_of(name), "Depends"], cwd=PEERS, check=True, text=True,
                             capture_output=True).stdout
    choices = [[re.split(r"[ :(]", one.strip())[0] for one in clause.split("|")] for clause in depends.split(",")]
    choices = [names for names in choices if names[0].startswith("lib")]
    if not choices:
        return []
    rows = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Provides} ${db:Status-Abbrev}\n"], check=True,
                          text=True, capture_output=True).stdout
    there = {n.strip(",") for row in rows.splitlines() if row.rstrip().endswith("ii") for n in row.split()}
    return [names[0] for names in choices if not there.intersection(names)]


def _file_of(name):
    return next(f for f in sorted(os.listdir(PEERS)) if f.startswith(name + "_"))


def _unpack_one(name):
    for left in reversed(range(3)):
        p = subprocess.run(["apt-get", "-q", "download", name], cwd=PEERS, capture_output=True, text=True,
                           timeout=120, check=False)
        if p.returncode == 0:
            break
        if left == 1:   # the lists may be too old, or there are none
            subprocess.run(["apt-get", "-q", "update"], capture_output=True, timeout=300, check=False)
    else:
        raise godwit.Failed(f"{name} cannot be downloaded: {p.stderr}")
    subprocess.run(["dpkg", "-x", _file_of(name), "tree"], cwd=PEERS, check=True)
    # Nobody becomes root by what lies about here.
    subprocess.run(["find", "tree", "-type", "f", "-perm", "/6000", "-exec", "chmod", "ug-s", "{}", "+"], cwd=PEERS,
                   check=True)
    with open(f"{PEERS}/{name}.done", "w", encoding="ascii"):
        pass


def library_dirs():
    """Where unpacked libraries lie, for LD_LIBRARY_PATH."""
    return sorted({os.path.dirname(p) for d in ("usr/lib", "lib") for p in glob.glob(
        f"{PEERS}/tree/{d}/**/lib*.so.*", recursive=True)})


class Authority:
    """Signs the certificates of a test; whoever trusts it is given its file."""

    def __init__(self, folder):
        os.makedirs(folder)
        self.file, self.key = f"{folder}/ca.pem", f"{folder}/ca.key"
        self._openssl("/CN=authority of a test", self.file, self.key, "-addext", "keyUsage=critical,keyCertSign")

    def make(self, folder, *names):
        """cert.pem and key.pem for these names."""
        self._openssl(f"/CN={names[0]}", f"{folder}/cert.pem", f"{folder}/key.pem", "-CA", self.file, "-CAkey",
                      self.key, "-addext", "subjectAltName=" + ",".join(f"DNS:{n}" for n in names), "-addext",
                      "basicConstraints=critical,CA:FALSE")

    @staticmethod
    def _openssl(subject, cert, key, *more):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", key, "-out", cert, "-subj", subject, "-days", "30", *more], check=True,
                       capture_output=True, timeout=60)


class Mta:
    """host: where it runs; domain: whose mail it takes; more: names below that
    which are also its own (Postfix only); server: the resolver's address."""

    kind = "?"

    def __init__(self, folder, host, domain, server, authority, more=()):
        self.root, self.host, self.domain = f"{folder}/{self.kind}", host, domain
        self.name, self.process, self.more = f"mx.{domain}", None, more
        for d in ("etc/ssl", "usr/sbin", "usr/libexec", "peers", "dev", "proc", "run", "tmp", "home", "var/spool",
                  "var/lib", "log"):
            os.makedirs(f"{self.root}/{d}")
        os.chmod(f"{self.root}/tmp", 0o1777)
        os.chmod(self.root, 0o755)
        os.symlink("/run", f"{self.root}/var/run")
        for d in ("bin", "sbin", "lib", "lib64"):
            os.symlink(f"usr/{d}", f"{self.root}/{d}")
        self.put_etc(server)
        authority.make(f"{self.root}/etc", self.name)
        os.makedirs(f"{self.root}/home/user")
        os.chown(f"{self.root}/home/user", USER_ID, USER_ID)
        self.mail = network.Maildir(f"{self.root}/home/user/Maildir", USER_ID)
        self.log = network.LogFile(f"{self.root}/log/log")
        self.out = network.LogFile(f"{self.root}/out/out")
        self.setup()

    def put(self, path, text, uid=0):
        path = f"{self.root}/{path}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chown(path, uid, uid)

    def own(self, path, name):
        """A folder, which is made, or a file."""
        if not os.path.exists(f"{self.root}/{path}"):
            os.makedirs(f"{self.root}/{path}")
        os.chown(f"{self.root}/{path}", IDS[name], IDS[name])

    def put_etc(self, server):
        users = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
        groups = "root:x:0:\nmail:x:8:\nnogroup:x:65534:\n"
        for name, n in IDS.items():
            home = "/home/user" if name == "user" else "/run"
            users += f"{name}:x:{n}:{n}::{home}:/bin/sh\n"
            groups += f"{name}:x:{n}:\n"
        self.put("etc/passwd", users)
        self.put("etc/group", groups)
        self.put("etc/hosts", f"127.0.0.1 localhost\n::1 localhost\n{self.host.v4} {self.name}\n")
        self.put("etc/resolv.conf", f"nameserver {server}\noptions edns0 trust-ad timeout:5\n")
        self.put("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n")
        self.put("etc/services", "smtp 25/tcp\ndomain 53/udp\n")
        self.put("etc/mailname", self.name + "\n")

    def setup(self):
        raise NotImplementedError

    def start(self, *argv, ready, env=None):
        """Does not wait: see wait_ready."""
        os.makedirs(f"{self.root}/out", exist_ok=True)
        env = {"R": self.root, "TREE": f"{PEERS}/tree", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(env or {})}
        self.ready = ready
        with self.host.inside(), open(f"{self.root}/out/out", "ab") as out:
            # The shell is the first process of the pid namespace: it dies with
            # unshare, and unshare with the test.
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "unshare", "-mpiu", "--fork", "--kill-child",
                 "sh", "-c", RUN, "sh", *argv],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env)

    def wait_ready(self):
        log, pattern = self.ready
        log.wait(pattern, seconds=START_S, alive=lambda: self.process.poll() is None)

    def send(self, to, text, sender=None, **extra):
        """From this host's own account to elsewhere."""
        sender = sender or f"user@{self.domain}"
        with self.host.inside():
            s = smtplib.SMTP("127.0.0.1", 25, local_hostname="localhost", timeout=godwit.WAIT_S)
        try:
            return s.sendmail(sender, [to], f"From: <{sender}>\r\nTo: <{to}>\r\nSubject: {text}\r\n\r\n{text}\r\n",
                              **extra)
        finally:
            s.close()

    def said(self):
        """For the reader of a failure."""
        return f"--- {self.kind}\n{self.out.text()[-3000:]}\n{self.log.text()[-3000:]}"

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(30)
        for thing in (self.mail, self.log, self.out):
            thing.close()


class Postfix(Mta):
    kind = "postfix"

    def setup(self):
        lib = "/peers/usr/lib/postfix"
        self.put("etc/postfix/main.cf", f"""compatibility_level = 3.6
queue_directory = /var/spool/postfix
data_directory = /var/lib/postfix
command_directory = /usr/sbin
daemon_directory = {lib}/sbin
shlib_directory = {lib}
meta_directory = /peers/etc/postfix
mail_owner = postfix
setgid_group = postdrop
default_privs = nobody
import_environment = LD_LIBRARY_PATH MAIL_CONFIG LANG=C
export_environment = LD_LIBRARY_PATH LANG
maillog_file = /log/log
maillog_file_prefixes = /log
myhostname = {self.name}
mydomain = {self.domain}
myorigin = {self.domain}
mydestination = {self.domain} {" ".join(f"{m}.{self.domain}" for m in self.more)}
mynetworks = 127.0.0.0/8
inet_protocols = all
alias_maps =
local_recipient_maps = unix:passwd.byname
home_mailbox = Maildir/
smtpd_tls_security_level = may
smtpd_tls_chain_files = /etc/key.pem, /etc/cert.pem
smtpd_tls_loglevel = 1
smtp_tls_security_level = dane
smtp_dns_support_level = dnssec
smtp_tls_loglevel = 1
minimal_backoff_time = 600s
""")
        rows = ["smtp inet n - n - - smtpd", "pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup",
                "qmgr unix n - n 300 1 qmgr", "tlsmgr unix - - n 1000? 1 tlsmgr",
                "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce",
                "defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce", "verify unix - - n - 1 verify",
                "flush unix n - n 1000? 0 flush", "proxymap unix - - n - - proxymap", "smtp unix - - n - - smtp",
                "relay unix - - n - - smtp", "error unix - - n - - error", "retry unix - - n - - error",
                "discard unix - - n - - discard", "local unix - n n - - local", "anvil unix - - n - 1 anvil",
                "scache unix - - n - 1 scache", "postlog unix-dgram n - n - 1 postlogd"]
        self.put("etc/postfix/master.cf", "\n".join(rows) + "\n")
        for d in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved",
                  "trace", "public", "maildrop"):
            self.own(f"var/spool/postfix/{d}", "postfix")
            os.chmod(f"{self.root}/var/spool/postfix/{d}", 0o700)
        for d, mode in (("public", 0o710), ("maildrop", 0o730)):
            os.chown(f"{self.root}/var/spool/postfix/{d}", IDS["postfix"], IDS["postdrop"])
            os.chmod(f"{self.root}/var/spool/postfix/{d}", mode)
        os.makedirs(f"{self.root}/var/spool/postfix/pid")
        self.own("var/lib/postfix", "postfix")

    def run(self):
        lib = "/peers/usr/lib/postfix"
        self.start(f"{lib}/sbin/master", "-c", "/etc/postfix", "-d", ready=(self.log, "daemon started"),
                   env={"LD_LIBRARY_PATH": lib, "MAIL_CONFIG": "/etc/postfix", "MAIL_LOGTAG": "postfix"})


class Exim(Mta):
    kind = "exim"

    def setup(self):
        self.put("etc/exim4/exim4.conf", f"""primary_hostname = {self.name}
qualify_domain = {self.domain}
domainlist local_domains = {self.domain}
acl_smtp_rcpt = acl_rcpt
tls_advertise_hosts = *
tls_certificate = /etc/cert.pem
tls_privatekey = /etc/key.pem
rfc1413_query_timeout = 0s
log_file_path = /log/%slog
spool_directory = /var/spool/exim4
pid_file_path = /run/exim.pid
log_selector = +tls_cipher +received_recipients +smtp_confirmation +tls_certificate_verified
never_users = root
begin acl
acl_rcpt:
  accept hosts = 127.0.0.1
  accept domains = +local_domains
         verify = recipient
  deny message = relay not permitted
begin routers
local:
  driver = accept
  domains = +local_domains
  local_parts = user
  transport = maildir
  cannot_route_message = Unknown user
elsewhere:
  driver = dnslookup
  domains = ! +local_domains
  dnssec_request_domains = *
  transport = smtp
  no_more
begin transports
smtp:
  driver = smtp
  dnssec_request_domains = *
  hosts_try_dane = *
maildir:
  driver = appendfile
  maildir_format
  directory = /home/user/Maildir
  user = user
begin retry
* * F,1h,10m
""")
        # Its own name for the log's file.
        self.log.close()
        self.log = network.LogFile(f"{self.root}/log/mainlog")
        self.own("log", "Debian-exim")
        self.own("etc/key.pem", "Debian-exim")
        self.own("var/spool/exim4", "Debian-exim")

    def run(self):
        self.start("/usr/sbin/exim4", "-bdf", "-q1h", ready=(self.log, "daemon started"))


class OpenSmtpd(Mta):
    kind = "opensmtpd"

    def setup(self):
        self.put("etc/smtpd.conf", f"""pki {self.name} cert "/etc/cert.pem"
pki {self.name} key "/etc/key.pem"
listen on {self.host.v4} port 25 tls pki {self.name} hostname {self.name}
listen on {self.host.v6} port 25 tls pki {self.name} hostname {self.name}
listen on 127.0.0.1 port 25 hostname {self.name}
action "local" maildir
action "out" relay helo {self.name}
match from any for domain "{self.domain}" action "local"
match from local for any action "out"
""")
        os.chmod(f"{self.root}/etc/key.pem", 0o600)
        os.makedirs(f"{self.root}/var/lib/opensmtpd/empty")
        # What it says goes to its standard error.
        self.log.close()
        self.log = network.LogFile(f"{self.root}/out/out")

    def run(self):
        self.start("/usr/sbin/smtpd", "-d", "-v", ready=(self.log, "smtp: will accept at most"))
