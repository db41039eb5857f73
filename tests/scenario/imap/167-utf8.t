# 167-utf8: 8-bit header fields only from clients that know them (RFC 9755 s4)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m167
c1 < a OK *
c1 > b APPEND m167 {12+}
c1 send-raw "A: \xc3\xa9\r\n\r\nb\r\n\r\n"
c1 < b NO [CANNOT] *
c1 > c ENABLE UTF8=ACCEPT
c1 < * ENABLED UTF8=ACCEPT
c1 < c OK *
c1 > d APPEND m167 UTF8 (~{10+}
c1 send-raw "A: \xc3\xa9\r\n\r\nb)\r\n"
c1 < d OK [APPENDUID *
c1 > e RENAME m167 "mé"
c1 < e OK *
c1 > f STATUS "mé" (MESSAGES)
c1 < * STATUS "mé" (MESSAGES 1)
c1 < f OK *
