/* SPDX-License-Identifier: ISC */
/*
 * What keyd signs with the TLS key: a message that could be nothing but the
 * server's part of a handshake, by structure and exact length.  Pure.
 */
#ifndef KEY_TBS_H
#define KEY_TBS_H

#include "lib/base/slice.h"

enum key_tbs { KEY_TBS_REFUSED, KEY_TBS_TLS_1_3, KEY_TBS_TLS_1_2 };

enum key_tbs	 key_tbs_check(struct slice);

#endif
