/* SPDX-License-Identifier: ISC */
/*
 * Test builds only: all that connections hear and say, in plain text (inside
 * of TLS), for tests that check every answer of a daemon (tests/imapwatch.py).
 * The environment names a directory; each process writes one file there, which
 * conn_tap_open opens before the jail.  A record is "<id> <kind> <bytes>\n" and
 * the bytes; kind is C (client), S (server) or E (the end, no bytes).  One
 * writev(2) each: a kill -9 cuts off the last one at most.
 *
 * Input is written when the session has used it, output when it is on its way.
 */
#ifndef CONN_TAP_H
#define CONN_TAP_H

#include <stdint.h>

#include "lib/base/slice.h"

struct conn;

#define CONN_TAP_CLIENT	'C'
#define CONN_TAP_SERVER	'S'
#define CONN_TAP_END	'E'

#ifdef GODWIT_TEST
/* Nothing is written when the variable is not set, or empty. */
void	 conn_tap_open(const char *variable);
/* From now on; 0, as it begins: nothing is written. */
void	 conn_tap_set(struct conn *, uint64_t id);
void	 conn_tap(uint64_t id, char kind, struct slice);
#else
#define conn_tap_open(variable)		((void)0)
#define conn_tap_set(conn, id)		((void)0)
#define conn_tap(id, kind, bytes)	((void)0)
#endif

#endif
