# 336-multiappend-limit: 1000 messages in one APPEND, and one more (RFC 3502)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m336
c1 < a OK *
c1 > b APPEND m336 {6+}
c1 send-raw "a: 1\r\n {6+}\r\n" * 999
c1 send-raw "a: 1\r\n\r\n"
c1 < b OK [APPENDUID * 1:1000] *
c1 > c APPEND m336 {6+}
c1 send-raw "a: 1\r\n {6+}\r\n" * 1000
c1 send-raw "a: 1\r\n\r\n"
c1 < c NO [LIMIT] *
c1 > d STATUS m336 (MESSAGES UIDNEXT)
c1 < * STATUS "m336" (MESSAGES 1000 UIDNEXT 1001)
c1 < d OK *
