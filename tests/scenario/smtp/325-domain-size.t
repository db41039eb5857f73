# 325-domain-size: the smallest limit of the recipients' domains counts
config domain "small.test" { class = relay message_size_limit = "2K" }
config domain "wide.test" { class = relay message_size_limit = "1M" }
client c1 smtp
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 *
c1 > MAIL FROM:<x@a.example> SIZE=2049
c1 < 250 *
c1 > RCPT TO:<x@small.test>
c1 < 552 5.3.4 *
c1 > RCPT TO:<x@wide.test>
c1 < 250 *
c1 > RSET
c1 < 250 *
c1 > MAIL FROM:<x@a.example>
c1 < 250 *
c1 > RCPT TO:<x@small.test>
c1 < 250 *
c1 > RCPT TO:<x@wide.test>
c1 < 250 *
c1 > DATA
c1 < 354 *
c1 send-raw "Subject: big\r\n\r\n"
c1 send-raw "0123456789012345678901234567890123456789012345678901234567890\r\n" * 40
c1 send-raw ".\r\n"
c1 < 552 5.3.4 *
log smtpd reject code=552 dsn=5.3.4
c1 > MAIL FROM:<x@a.example>
c1 < 250 *
