/* SPDX-License-Identifier: ISC */
/*
 * What a host cannot take, by what it offers or by what could be written in
 * a command: known before the first one is sent.
 */
#ifndef SMTP_CLIENT_CHECK_H
#define SMTP_CLIENT_CHECK_H

#include <stdbool.h>

#include "lib/base/cc.h"
#include "lib/base/slice.h"
#include "lib/smtp/smtp_client.h"

/* false: r says why not */
bool	 smtp_client_check_message(const struct smtp_client *, const struct smtp_client_message *,
	    struct smtp_result *r) MUST_USE;
bool	 smtp_client_check_rcpt(const struct smtp_client *, const struct smtp_client_rcpt *,
	    struct smtp_result *r) MUST_USE;

bool	 smtp_client_check_is_ascii(struct slice);

#endif
