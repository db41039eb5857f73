# 030-login: all forms; every refusal reads the same; three tries (RFC 5530)
client c1 imaps
c1 < * OK *
c1 > a LOGIN nobody@example.test godwit
c1 < a NO [AUTHENTICATIONFAILED] Authentication failed
c1 > b LOGIN alice@example.test wrong
c1 < b NO [AUTHENTICATIONFAILED] Authentication failed
c1 > c AUTHENTICATE PLAIN AGFsaWNlQGV4YW1wbGUudGVzdAB3cm9uZw==
c1 < c NO [AUTHENTICATIONFAILED] Authentication failed
c1 < * BYE *
c1 end
client c2 imaps
c2 < * OK *
c2 > a AUTHENTICATE PLAIN
c2 < + *
c2 > AGFsaWNlQGV4YW1wbGUudGVzdABnb2R3aXQ=
c2 < a OK *
client c3 imaps
c3 < * OK *
c3 > a AUTHENTICATE LOGIN
c3 < + VXNlcm5hbWU6
c3 > YWxpY2VAZXhhbXBsZS50ZXN0
c3 < + UGFzc3dvcmQ6
c3 > Z29kd2l0
c3 < a OK *
client c4 imaps
c4 < * OK *
c4 > a LOGIN {18}
c4 < + *
c4 > alice@example.test {6+}
c4 > godwit
c4 < a OK *
log imapd auth_failed sasl_method=LOGIN sasl_username=nobody@example.test
log imapd auth_failed sasl_method=PLAIN sasl_username=alice@example.test
