# 337-catenate: a message put together from texts and parts of others (RFC 4469)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m337
c1 < a OK *
c1 > b APPEND m337 {70+}
c1 send-raw "A: 1\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--\r\n\r\n"
c1 < b OK [APPENDUID ${v} 1] *
c1 > c APPEND m337 (\Draft) CATENATE (URL "/m337;UIDVALIDITY=${v}/;UID=1/;SECTION=HEADER" TEXT {7}
c1 < + *
c1 send-raw "--b\r\n\r\n URL \"/m337/;UID=1/;SECTION=1\" TEXT {7+}\r\n\r\n--b--)\r\n"
c1 < c OK [APPENDUID ${v} 2] *
c1 > d APPEND INBOX CATENATE (URL "/m337;UIDVALIDITY=${v}/;UID=3")
c1 < d NO [BADURL /m337;UIDVALIDITY=${v}/;UID=3] *
c1 > e SELECT m337
c1 <+ e OK [READ-WRITE] *
c1 > f FETCH 1:* (FLAGS RFC822.SIZE BODYSTRUCTURE)
c1 < * 1 FETCH (FLAGS (\Recent) RFC822.SIZE 70 *
c1 < * 2 FETCH (FLAGS (\Draft \Recent) RFC822.SIZE 68 *
c1 < f OK *
c1 > g UID REPLACE 2 m337 CATENATE (URL ;UID=2/;SECTION=HEADER)
c1 <+ g OK Replace completed
c1 > h FETCH 2 RFC822.SIZE
c1 < * 2 FETCH (RFC822.SIZE 51)
c1 < h OK *
