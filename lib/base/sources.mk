# SPDX-License-Identifier: ISC
base_SRCS = lib/base/must.c lib/base/err.c lib/base/slice.c lib/base/buf.c lib/base/arena.c lib/base/heap.c \
	lib/base/map.c lib/base/clock.c lib/base/num.c lib/base/own.c lib/base/enc.c lib/base/log.c lib/base/secret.c lib/base/rate.c
LIBS += base
