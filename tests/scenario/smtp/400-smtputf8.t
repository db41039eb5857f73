# 400-smtputf8: addresses beyond ASCII need the parameter (RFC 6531)
client c1 smtp
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 *
c1 > MAIL FROM:<jürgen@a.example>
c1 < 553 5.6.7 *
c1 > MAIL FROM:<jürgen@a.example> SMTPUTF8
c1 < 250 2.1.0 *
c1 > RCPT TO:<ALICE@EXAMPLE.test>
c1 < 250 2.1.5 *
c1 > RCPT TO:<jürgen@example.test>
c1 < 550 5.1.1 *
