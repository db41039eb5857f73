# 200-submission: port 587 wants TLS, then a login, then takes mail for anybody
client c1 submission
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 CHUNKING
c1 <? 250-STARTTLS
c1 <! 250-AUTH*
c1 > AUTH PLAIN AGFsaWNlAHNlY3JldA==
c1 < 530 5.7.0 *
c1 > MAIL FROM:<alice@example.test>
c1 < 530 5.7.0 *
c1 > STARTTLS
c1 < 220 *
c1 starttls
c1 > EHLO a.example
c1 <+ 250 CHUNKING
c1 <? 250-AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS
c1 > MAIL FROM:<alice@example.test>
c1 < 530 5.7.0 *
c1 login alice@example.test godwit
c1 > MAIL FROM:<bob@example.test>
c1 < 553 5.7.1 *
c1 > MAIL FROM:<alice@example.test>
c1 < 250 2.1.0 *
c1 > RCPT TO:<carol@bank.example>
c1 < 250 2.1.5 *
c1 > RCPT TO:<bob@example.test>
c1 < 250 2.1.5 *
c1 > DATA
c1 < 354 *
c1 > Subject: no date, no id
c1 >
c1 > hi
c1 > .
c1 < 250 2.0.0 Ok: queued as ${id}
c1 > QUIT
c1 < 221 *
log smtpd auth sasl_method=PLAIN sasl_username=alice@example.test tls=TLSv1.3
log queue queued m=${id} message-id=<*> nrcpt=2
log deliver sent m=${id} to=<bob@example.test>
