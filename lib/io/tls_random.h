/* SPDX-License-Identifier: ISC */
/*
 * Randomness for all of OpenSSL in this process, from the kernel by libsodium.
 * OpenSSL's own generator (AES-CTR) costs three times as much for the few bytes
 * of a handshake, asks for the process id each time, and has a state that tells
 * what comes next.  For who serves TLS, and for keyd, who signs for them.
 */
#ifndef TLS_RANDOM_H
#define TLS_RANDOM_H

#include "lib/base/cc.h"
#include "lib/base/err.h"

/* After sodium_init(). */
enum err	 tls_random_use(void) MUST_USE;

#endif
