# 360-recipients: the recipient beyond the limit is told to come later (RFC 5321 s4.5.3.1.10)
config smtpd { recipient_limit = 100 }
client c1 smtp
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 *
c1 > MAIL FROM:<x@a.example>
c1 < 250 *
c1 send-raw "RCPT TO:<alice@example.test>\r\n" * 101
c1 <+ 452 4.5.3 *
c1 > NOOP
c1 < 250 *
