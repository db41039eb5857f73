# 168-uidbatches: ranges of UIDs with a number of messages (RFC 10022)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m168
c1 < a OK *
c1 > b SELECT m168
c1 <+ b OK *
c1 > c UIDBATCHES 500
c1 < * UIDBATCHES (TAG "c")
c1 < c OK *
c1 > d APPEND m168 {8+}
c1 send-raw "A: b\r\n\r\n {8+}\r\nA: b\r\n\r\n\r\n"
c1 <+ d OK *
c1 > e UIDBATCHES 1000 1:1
c1 < * UIDBATCHES (TAG "e") 2:1
c1 < e OK *
c1 > f UIDBATCHES 499
c1 < f NO [TOOFEW] *
c1 > g UIDBATCHES 1000 1:101
c1 < g NO [TOOMANY] *
