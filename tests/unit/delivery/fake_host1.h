/* SPDX-License-Identifier: ISC */
/*
 * In place of fake_cmtp.h's host of version 2: one of CMTP 1, in the clear unless
 * the test says otherwise, which opens the mail that comes.
 */
#ifndef FAKE_HOST1_H
#define FAKE_HOST1_H

#include "lib/cmtp/cmtp_parser.h"
#include "lib/crypto/cry_ed.h"
#include "tests/unit/delivery/fake_cmtp.h"

#define FAKE_HOST1_EHLO		"250-fake\r\n250 CMTP 1"
#define FAKE_HOST1_TEXT_MAX	3000000u

/* The host: keys are made of a seed; 0: there is none. */
struct fake_host1 {
	struct cmtp_limits	 limits;
	struct cmtp_parser	 parser;
	unsigned char		 server, bob, carol;	/* seeds */
	const char		*words;		/* of OHAI, in place of "1" */
	bool			 fails, closes, bad_signature;
	unsigned		 greets, mails, attachments;
	char			 to[100], from[100], log[500];
	uint64_t		 log_n;
	struct buf		 box, text, file;	/* being read; the last, opened */
	bool			 is_body;
};

extern struct fake_host1 h;

/* life: fixtures of cmocka, with those of fake_cmtp.h */
int		 fake_host1_setup(void **state);
int		 fake_host1_teardown(void **state);
/* The pair of a seed. */
void		 fake_host1_pair(unsigned char seed, unsigned char public_key[CRY_KEY_BYTES],
		    unsigned char secret[CRY_ED_SECRET_BYTES]);

#endif
