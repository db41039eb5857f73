# SPDX-License-Identifier: ISC
"""make install, then README's three commands, on the standard ports: in a
mount and network namespace of its own, where the installation is /usr/local."""
import os
import subprocess

import pytest

import godwit

ROLES = ("keyd", "smtpd", "queue", "deliver", "relay", "store", "imapd", "cmtpd")
SCRIPT = r"""set -e
ip link set lo up
mount --bind $T/passwd /etc/passwd; mount --bind $T/group /etc/group
mount --bind $T/usr/local /usr/local
mount -t tmpfs tmpfs /run
PATH=/usr/local/sbin:/usr/local/bin:$PATH; cd /
godwit setup --domain example.net --hostname mx.example.net
godwit start
godwit status
echo secret | gwuser add you@example.net --password-stdin
printf 'From: a@b.example\r\nSubject: installed\r\n\r\nhi\r\n' |
    curl -sS smtp://127.0.0.1:25 --mail-from a@b.example --mail-rcpt you@example.net -T -
curl -sSk 'imaps://127.0.0.1:993/INBOX;MAILINDEX=1' -u you@example.net:secret
printf 'Subject: from a program\n\nhi\n' | setpriv --reuid 65534 --regid 65534 --clear-groups \
    sh -c 'test ! -w /usr/local/var/lib/godwit && sendmail you@example.net'
curl -sSk 'imaps://127.0.0.1:993/INBOX;MAILINDEX=2' -u you@example.net:secret
mailq
newaliases
shorebird -d /tmp list
gwconf -n
godwit stop
echo all done
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: namespaces and standard ports")
def test_installed(tmp_path):
    variant = os.environ.get("GODWIT_VARIANT", "test")
    top = str(tmp_path)
    for up in [tmp_path, *list(tmp_path.parents)[:2]]:
        os.chmod(up, 0o755)
    subprocess.run(["make", "-s", f"VARIANT={variant}", "install", f"DESTDIR={top}", "CONFIGURE_FLAGS="],
                   cwd=godwit.TOP, check=True, timeout=300)
    for name, form in (("passwd", "_godwit-{r}:x:{n}:{n}::/:/usr/sbin/nologin\n"), ("group", "_godwit-{r}:x:{n}:\n")):
        with open(f"/etc/{name}", encoding="utf-8") as f:
            text = f.read()
        with open(f"{top}/{name}", "w", encoding="utf-8") as f:
            f.write(text + "".join(form.format(r=r, n=58900 + i) for i, r in enumerate(ROLES)))
    p = subprocess.run(["unshare", "-mn", "sh", "-c", SCRIPT], env=dict(os.environ, T=top), capture_output=True,
                       text=True, timeout=120, check=False)
    assert p.returncode == 0, p.stdout + p.stderr
    assert "sandbox auto (5 of 5)" in p.stdout or variant == "san"
    assert "(userid 65534) id " in p.stdout and "Mail queue is empty" in p.stdout
    assert "Subject: installed" in p.stdout and p.stdout.endswith("all done\n")
    assert os.stat(f"{top}/usr/local/var/lib/godwit/keys").st_mode & 0o777 == 0o700
    for name in ("godwit.service", "man8/godwit.8", "sysusers.d/godwit.conf"):
        assert subprocess.run(["find", top, "-path", f"*/{name}"], capture_output=True, text=True,
                              check=True).stdout, name
