# 300-bad-input: refused with the right code, the session goes on
client c1 imaps
c1 < * OK *
c1 send-raw "\r\n"
c1 < * BAD *
c1 > a
c1 < a BAD *
c1 > a NOSUCH
c1 < a BAD *
c1 > a LOGIN "open
c1 < a BAD *
c1 > a LOGIN {4097}
c1 < a BAD [TOOBIG] *
c1 > b NOOP
c1 < b OK *
c1 login bob@example.test godwit
c1 > c UID NOOP
c1 < c BAD *
c1 > d SELECT {2+}
c1 send-raw "a\x00\r\n"
c1 < d BAD *
c1 > e LIST "" "&bad"
c1 < e OK *
c1 > f APPEND INBOX (\Recent) {1+}
c1 > x
c1 < f BAD *
c1 > g APPEND INBOX {99999999999}
c1 < g NO [TOOBIG] *
c1 > h FETCH 1 (BODY[1.)
c1 < h BAD *
c1 > i SELECT INBOX
c1 <+ i OK *
c1 > j FETCH 0 FLAGS
c1 < j BAD *
c1 > k SEARCH ((((((((((((((((((((((((((((((((((((((((((((((((((ALL))))))))))))))))))))))))))))))))))))))))))))))))))
c1 < * SEARCH*
c1 < k OK *
c1 > l SEARCH (((((((((((((((((((((((((((((((((((((((((((((((((((ALL)))))))))))))))))))))))))))))))))))))))))))))))))))
c1 < l BAD *
