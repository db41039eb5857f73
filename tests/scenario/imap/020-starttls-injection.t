# 020-starttls-injection: what is sent in the clear behind STARTTLS is forgotten
client c1 imap
c1 < * OK *
c1 send-raw "a STARTTLS\r\nb NOOP\r\n"
c1 < a OK *
c1 starttls
c1 > c NOOP
c1 < c OK *
c1 <! b *
