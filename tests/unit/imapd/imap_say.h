/* SPDX-License-Identifier: ISC */
/*
 * One session of alice's against the account in memory of imap_fake, for unit
 * tests that speak IMAP: what is said, and what must be in the answer.
 */
#ifndef IMAP_SAY_H
#define IMAP_SAY_H

#include "tests/unit/imapd/imap_fake.h"

extern struct imap_shared	shared;
extern struct fake_store	store;
extern struct fake		f;

int	 say_setup(void **state);
int	 say_teardown(void **state);

/* In the output so far. */
bool	 say_has(const char *text);
/* Say it, and all of these must be in the answer, in order. */
void	 say_expect(const char *say, const char *const *want, size_t n);
#define EXPECT(say, ...) do {						\
	static const char *const want_[] = { __VA_ARGS__ };		\
	say_expect((say), want_, sizeof(want_) / sizeof(want_[0]));	\
} while (0)

void	 say_append(const char *box, const char *args, const char *msg);
void	 say_login(void);

#endif
