# 410-parameters: what was not announced is 555, what is malformed 501
client c1 smtp
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 *
c1 > MAIL FROM:<x@a.example> RET=HDRS
c1 < 555 5.5.4 *
c1 > MAIL FROM:<x@a.example> BODY=BINARYMIME
c1 < 501 5.5.4 *
c1 > MAIL FROM:<x@a.example> SIZE=
c1 < 501 5.5.4 *
c1 > MAIL FROM:<>
c1 < 250 2.1.0 *
c1 > RCPT TO:<alice@example.test> NOTIFY=NEVER
c1 < 555 5.5.4 *
