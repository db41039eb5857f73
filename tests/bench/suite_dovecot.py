# SPDX-License-Identifier: ISC
"""Dovecot 2.3 (Debian) with mdbox: as shipped, or tuned so that its processes
serve more than one login and idle sessions are hibernated.

Every user u<i> has the password "secret", which is not hashed: its logins cost
no more than they must.  The other settings are Debian's defaults.  Both serve the
same mail.
"""
import os
import subprocess

import suite

USER_ID, OWN_ID, LOGIN_ID = 58992, 58993, 58994

CONFIG = """base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
protocols = imap lmtp
listen = 127.0.0.1
mail_location = mdbox:~/mdbox
ssl = yes
ssl_cert = <{dir}/cert.pem
ssl_key = <{dir}/key.pem
disable_plaintext_auth = no
default_internal_user = bench-dovecot
default_internal_group = bench-dovecot
default_login_user = bench-dovenull
first_valid_uid = 1000
mail_max_userip_connections = 100000
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid={user} gid={user} home={home}/%n allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
{login}
}}
{more}
"""
TUNED_LOGIN = """  service_count = 0
  client_limit = 10000
  process_min_avail = 2
"""
TUNED = """service imap {
  service_count = 0
  client_limit = 50
  process_min_avail = 2
  process_limit = 1000
}
service anvil {
  client_limit = 20000
}
service auth {
  client_limit = 20000
}
service imap-hibernate {
  unix_listener imap-hibernate {
    mode = 0666
  }
}
service imap {
  unix_listener imap-master {
    user = bench-dovecot
  }
}
imap_hibernate_timeout = 5s
"""


class Dovecot(suite.Suite):
    def __init__(self, work, is_tuned):
        self.name = "dovecot-tuned" if is_tuned else "dovecot"
        super().__init__(work)
        suite.unpack("dovecot-core", "dovecot-imapd", "dovecot-lmtpd", "libexttextcat-2.0-0", "libwrap0")
        self.imap, self.imaps, self.lmtp = suite.free_port(), suite.free_port(), suite.free_port()
        os.chmod(self.dir, 0o755)
        os.makedirs(f"{self.dir}/state")
        home = f"{work}/dovecot-home"
        os.makedirs(home, exist_ok=True)
        os.chown(home, USER_ID, USER_ID)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", f"{self.dir}/key.pem", "-out", f"{self.dir}/cert.pem", "-subj", "/CN=localhost",
                        "-days", "30"], check=True, capture_output=True)
        with open(f"{self.dir}/conf", "w", encoding="ascii") as f:
            f.write(CONFIG.format(dir=self.dir, home=home, user=USER_ID, imap=self.imap, imaps=self.imaps,
                                  lmtp=self.lmtp, login=TUNED_LOGIN if is_tuned else "",
                                  more=TUNED if is_tuned else ""))

    def start(self):
        # Its own users and its files below /usr, in a mount namespace only.
        script = f"""set -e
cp /etc/passwd {self.dir}/passwd; cp /etc/group {self.dir}/group
printf 'bench-mail:x:{USER_ID}:{USER_ID}::/:/bin/false\\nbench-dovecot:x:{OWN_ID}:{OWN_ID}::/:/bin/false\\n' \\
    >>{self.dir}/passwd
echo 'bench-dovenull:x:{LOGIN_ID}:{LOGIN_ID}::/:/bin/false' >>{self.dir}/passwd
printf 'bench-mail:x:{USER_ID}:\\nbench-dovecot:x:{OWN_ID}:\\nbench-dovenull:x:{LOGIN_ID}:\\n' >>{self.dir}/group
mount --bind {self.dir}/passwd /etc/passwd; mount --bind {self.dir}/group /etc/group
mount -t overlay overlay -o lowerdir={suite.PEERS}/tree/usr:/usr /usr
exec /usr/sbin/dovecot -F -c {self.dir}/conf
"""
        self.spawn(["unshare", "-m", "sh", "-c", script],
                   stdout=open(f"{self.dir}/out", "a", encoding="ascii"), stderr=subprocess.STDOUT)
        self.wait_banner(self.imap)
