# 010-greeting: greeting, EHLO keywords of a relay listener (RFC 5321 s3.1, s4.1.1.1)
daemon smtpd queue keyd
client c1 smtp
c1 < 220 * ESMTP Godwit
c1 > EHLO a.example
c1 <+ 250 CHUNKING
c1 <? 250-PIPELINING
c1 <? 250-SIZE 52428800
c1 <? 250-STARTTLS
c1 <? 250-ENHANCEDSTATUSCODES
c1 <? 250-8BITMIME
c1 <? 250-SMTPUTF8
c1 <! 250-AUTH*
c1 > HELO a.example
c1 < 250 *
c1 > QUIT
c1 < 221 2.0.0 *
c1 end
log smtpd connect listener=* client=[127.0.0.1]:*
log smtpd disconnect reason=quit commands=3
