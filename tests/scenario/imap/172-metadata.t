# 172-metadata: GETMETADATA, SETMETADATA, LIST RETURN (METADATA) (RFC 5464, RFC 9590)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m172/a
c1 < a OK *
c1 > b SETMETADATA m172/a (/private/comment "mine" /shared/comment "ours" /private/color/dark "#000")
c1 < b OK *
c1 > c GETMETADATA m172/a (/private/comment /shared/comment /private/none)
c1 < * METADATA "m172/a" (/private/comment "mine" /shared/comment "ours" /private/none NIL)
c1 < c OK *
c1 > d GETMETADATA (DEPTH infinity MAXSIZE 4) m172/a (/private)
c1 < * METADATA "m172/a" (/private/color/dark "#000" /private/comment "mine")
c1 < d OK *
c1 > e SETMETADATA m172/a (/private/comment NIL)
c1 < e OK *
c1 > f LIST "" m172/* RETURN (METADATA (/private/comment /shared/comment))
c1 < * LIST (\HasNoChildren) "/" "m172/a"
c1 < * METADATA "m172/a" (/shared/comment "ours" /private/comment NIL)
c1 < f OK *
c1 > g GETMETADATA "" /shared/admin
c1 < * METADATA "" (/shared/admin "mailto:postmaster@example.test")
c1 < g OK *
c1 > h SETMETADATA "" (/private/device "token")
c1 < h OK *
c1 > i GETMETADATA Sent /private/specialuse
c1 < * METADATA "Sent" (/private/specialuse "\\Sent")
c1 < i OK *
c1 > j GETMETADATA m172/none /private/comment
c1 < j NO [NONEXISTENT] *
c1 > k DELETE m172/a
c1 < k OK *
