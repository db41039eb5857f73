/* SPDX-License-Identifier: ISC */
/*
 * Every function that can fail returns one of these; 0 is success.  The class
 * of a code is the answer mail gives for it: TEMP is a 4xx or a deferral,
 * PERM a 5xx or a bounce.  Library codes (libuv, LMDB, OpenSSL, errno) are
 * translated in their wrapper and never escape it.  The numbers travel over
 * IPC: never reuse one.
 */
#ifndef ERR_H
#define ERR_H

#include "lib/base/cc.h"

#define ERR_MAP(E)							\
	E(OK,		  0, NONE, "success")				\
	E(FULL,		 -1, TEMP, "no room")				\
	E(IO,		 -2, TEMP, "input/output error")		\
	E(SYNTAX,	 -3, PERM, "syntax error")			\
	E(LIMIT,	 -4, PERM, "limit exceeded")			\
	E(NOTFOUND,	 -5, PERM, "not found")				\
	E(EXISTS,	 -6, PERM, "exists already")			\
	E(DENIED,	 -7, PERM, "not permitted")			\
	E(AGAIN,	 -8, TEMP, "try again")				\
	E(TIMEOUT,	 -9, TEMP, "timed out")				\
	E(GONE,		-10, TEMP, "peer is gone")			\
	E(CORRUPT,	-11, TEMP, "corrupt data")			\
	E(VERSION,	-12, PERM, "unknown version")			\
	E(UNSUPPORTED,	-13, PERM, "not supported")			\
	E(CONFLICT,	-14, TEMP, "changed meanwhile")			\
	E(TOOBIG,	-15, PERM, "too large")				\
	E(QUOTA,	-16, PERM, "over quota")			\
	E(AUTH,		-17, PERM, "wrong user name or password")	\
	E(DISABLED,	-18, PERM, "account is disabled")		\
	E(BUSY,		-19, TEMP, "too busy")				\
	E(CRYPTO,	-20, TEMP, "cryptographic failure")		\
	E(SYS,		-21, TEMP, "system error")			\
	E(SHORT,	-22, NONE, "more data needed")			\
	E(END,		-23, NONE, "end of data")			\
	E(STATE,	-24, PERM, "not possible in this state")	\
	E(VIOLATION,	-25, PERM, "protocol violation by a peer")

enum err {
#define E(name, val, class, text)	ERR_##name = (val),
	ERR_MAP(E)
#undef E
};

enum err_class { ERR_CLASS_NONE, ERR_CLASS_TEMP, ERR_CLASS_PERM };

const char	*err_name(enum err);	/* "FULL" */
const char	*err_text(enum err);	/* "no room" */
enum err_class	 err_class(enum err);

/* The code for a number from the wire; ERR_VIOLATION for an unknown one. */
enum err	 err_from_int(int);

/* errno to a code: ENOSPC FULL, ENOENT NOTFOUND, EACCES DENIED, ... else IO. */
enum err	 err_from_errno(int);

#endif
