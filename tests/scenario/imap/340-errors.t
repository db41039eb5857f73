# 340-errors: too many mistakes end the session
client c1 imaps
c1 < * OK *
c1 send-raw "a X\r\n" * 19
c1 > b NOOP
c1 <+ b OK *
c1 > a X
c1 < a BAD *
c1 < * BYE *
c1 end
