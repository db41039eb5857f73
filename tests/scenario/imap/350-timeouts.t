# 350-timeouts: too slow to log in; idle for too long; the keepalive of IDLE
config imapd { prelogin_timeout = "8s"  timeout = "4s"  keepalive = "10s" }
client c1 imaps
c1 < * OK *
c1 < * BYE *
c1 end
client c2 imaps
c2 < * OK *
c2 login bob@example.test godwit
c2 < * BYE *
c2 end
client c3 imaps
c3 < * OK *
c3 login bob@example.test godwit
c3 > a IDLE
c3 < + *
c3 < * BYE *
c3 end
log imapd disconnect reason=timeout
