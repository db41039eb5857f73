/* SPDX-License-Identifier: ISC */
/*
 * Who takes a message: first how long it is, then all of it in pieces, with
 * CRLF line ends.  An error ends it.
 */
#ifndef MAIL_TAKER_H
#define MAIL_TAKER_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/slice.h"

struct mail_taker {
	void		*arg;
	enum err	(*size)(void *arg, uint64_t bytes);
	enum err	(*data)(void *arg, struct slice);
};

#endif
