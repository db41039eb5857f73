# SPDX-License-Identifier: ISC
db_SRCS = lib/db/db.c
db_EXT = $(LMDB_LIBS)
LIBS += db
