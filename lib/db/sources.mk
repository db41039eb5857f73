# SPDX-License-Identifier: ISC
db_SRCS = lib/db/db.c lib/db/db_salvage.c
db_EXT = $(LMDB_LIBS)
LIBS += db
