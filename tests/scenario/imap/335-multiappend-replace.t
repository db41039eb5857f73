# 335-multiappend-replace: all or none (RFC 3502), one for another (RFC 8508)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m335
c1 < a OK *
c1 > b APPEND m335 (\Seen) {11+}
c1 send-raw "a: 1\r\n\r\n1\r\n (\\Draft) {11+}\r\na: 1\r\n\r\n2\r\n {11+}\r\na: 1\r\n\r\n3\r\n\r\n"
c1 < b OK [APPENDUID ${v} 1:3] *
c1 > c APPEND m335 {11+}
c1 send-raw "a: 1\r\n\r\n4\r\n {0+}\r\n\r\n"
c1 < c NO [CANNOT] *
c1 > d SELECT m335
c1 <+ d OK [READ-WRITE] *
c1 <? * 3 EXISTS
c1 > e REPLACE 2 m335 (\Flagged) {12}
c1 < + *
c1 send-raw "a: 1\r\n\r\n22\r\n\r\n"
c1 < * OK [APPENDUID ${v} 4] *
c1 <+ e OK Replace completed
c1 <? * 2 EXPUNGE
c1 <? * 3 EXISTS
c1 > f FETCH 1:* (UID RFC822.SIZE)
c1 < * 1 FETCH (UID 1 RFC822.SIZE 11)
c1 < * 2 FETCH (UID 3 RFC822.SIZE 11)
c1 < * 3 FETCH (UID 4 RFC822.SIZE 12)
c1 < f OK *
c1 > g UID REPLACE 2 m335 {11}
c1 < g NO [NONEXISTENT] *
