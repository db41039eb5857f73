# 320-literals: one that comes unasked and too large is swallowed, or the line is cut (RFC 7888 s4)
client c1 imaps
c1 < * OK *
c1 > a LOGIN {4097+}
c1 < a BAD [TOOBIG] *
c1 send-raw "x" * 4097
c1 send-raw " y\r\nb NOOP\r\n"
c1 < b OK *
c1 > c LOGIN {100000+}
c1 < c BAD [TOOBIG] *
c1 < * BYE *
c1 end
