# 330-append-limit: append_size_limit, and one byte more
config imapd { append_size_limit = "64K" }
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a APPEND INBOX {65537}
c1 < a NO [TOOBIG] *
c1 > b APPEND INBOX {65536}
c1 < + *
c1 send-raw "x" * 65536
c1 send-raw "\r\n"
c1 < b OK [APPENDUID *
c1 > c APPEND INBOX {65537+}
c1 < c NO [TOOBIG] *
c1 send-raw "x" * 65537
c1 send-raw "\r\nd NOOP\r\n"
c1 < d OK *
