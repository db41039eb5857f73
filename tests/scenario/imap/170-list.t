# 170-list: LIST-EXTENDED, LIST-STATUS, SPECIAL-USE, STATUS=SIZE (RFC 5258, 5819, 6154, 8438)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m170/a/b
c1 < a OK *
c1 > b CREATE m170/sent (USE (\Sent))
c1 < b OK *
c1 > c CREATE m170/all (USE (\All))
c1 < c NO [USEATTR] *
c1 > d SUBSCRIBE m170/a/b
c1 < d OK *
c1 > e SUBSCRIBE m170/gone/x
c1 < e OK *
c1 > f LIST (SUBSCRIBED) "" m170/*
c1 < * LIST (\HasNoChildren \Subscribed) "/" "m170/a/b"
c1 < * LIST (\NonExistent \HasNoChildren \Subscribed) "/" "m170/gone/x"
c1 < f OK *
c1 > g LIST (SUBSCRIBED RECURSIVEMATCH) "" m170/%
c1 < * LIST (\HasChildren) "/" "m170/a" ("CHILDINFO" ("SUBSCRIBED"))
c1 < * LIST (\NonExistent \HasNoChildren) "/" "m170/gone" ("CHILDINFO" ("SUBSCRIBED"))
c1 < g OK *
c1 > h LIST "" (m170/a m170/s*) RETURN (SUBSCRIBED STATUS (MESSAGES SIZE))
c1 < * LIST (\HasChildren) "/" "m170/a"
c1 < * STATUS "m170/a" (MESSAGES 0 SIZE 0)
c1 < * LIST (\HasNoChildren \Sent) "/" "m170/sent"
c1 < * STATUS "m170/sent" (MESSAGES 0 SIZE 0)
c1 < h OK *
c1 > i LIST (SPECIAL-USE) "" m170/* RETURN (SPECIAL-USE)
c1 < * LIST (\HasNoChildren \Sent) "/" "m170/sent"
c1 < i OK *
c1 > j LIST (RECURSIVEMATCH) "" *
c1 < j BAD *
c1 > k DELETE m170/a
c1 < k OK *
c1 > l LIST "" m170/a RETURN (CHILDREN)
c1 < * LIST (\NonExistent \HasChildren) "/" "m170/a"
c1 < l OK *
c1 > m LIST "" m170/a
c1 < * LIST (\Noselect \HasChildren) "/" "m170/a"
c1 < m OK *
c1 > n UNSUBSCRIBE m170/gone/x
c1 < n OK *
c1 > o LSUB "" m170/%
c1 < * LSUB (\Noselect) "/" "m170/a"
c1 < o OK *
