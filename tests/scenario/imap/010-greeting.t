# 010-greeting: capabilities before and after TLS and login (RFC 3501 s6.1.1, s6.2.1)
daemon imapd
client c1 imap
c1 < * OK [CAPABILITY * LITERAL+ * STARTTLS LOGINDISABLED*] Godwit ready
c1 > a LOGIN alice@example.test godwit
c1 < a NO [PRIVACYREQUIRED] *
c1 > b AUTHENTICATE PLAIN
c1 < b NO [PRIVACYREQUIRED] *
c1 > c SELECT INBOX
c1 < c BAD *
c1 > d STARTTLS
c1 < d OK *
c1 starttls
c1 > e CAPABILITY
c1 < * CAPABILITY * LITERAL+ * AUTH=PLAIN AUTH=LOGIN*
c1 < e OK *
c1 > f STARTTLS
c1 < f BAD *
c1 > g LOGIN alice@example.test godwit
c1 < g OK [CAPABILITY * IDLE NAMESPACE UIDPLUS *] *
c1 > h LOGIN alice@example.test godwit
c1 < h BAD *
c1 > i ID NIL
c1 < * ID ("name" "Godwit")
c1 < i OK *
c1 > j LOGOUT
c1 < * BYE *
c1 < j OK *
c1 end
log imapd auth sasl_method=LOGIN sasl_username=alice@example.test tls=TLSv1.*
log imapd disconnect reason=logout
