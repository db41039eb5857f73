/* SPDX-License-Identifier: ISC */
/*
 * A store with one peer of each kind and two users logged in, for tests of its
 * operations; setup and teardown for each test, which ends with a check of the
 * whole store.
 */
#ifndef STORE_WORLD_H
#define STORE_WORLD_H

#include "tests/unit/store/store_bed.h"

extern struct bed	 bed;
extern struct bed_peer	*keyd, *deliver, *imapd, *other_imapd, *queue;
extern uint32_t		 h1, h2;	/* of accounts 1 and 2 at imapd and other_imapd */

int	 world_setup(void **state);
int	 world_teardown(void **state);
void	 world_reopen(bool crash);
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

#define assert_reply(r, want) do {					\
	const struct bed_reply *r_ = (r);				\
	assert_int_equal(r_->e, ERR_OK);				\
	assert_int_equal(r_->type, IPC_MSG_##want);			\
} while (0)
#define assert_fail(r, want) do {					\
	const struct bed_reply *f_ = (r);				\
	assert_reply(f_, store_fail);					\
	assert_int_equal(f_->m.store_fail.error, want);			\
} while (0)
/* The peer was ended; nobody else was. */
#define assert_violation(r, p) do {					\
	const struct bed_reply *v_ = (r);				\
	assert_int_equal(v_->e, ERR_GONE);				\
	assert_true((p)->is_gone);					\
} while (0)

/* A set of one range. */
struct slice	 world_pair(unsigned char p[8], uint32_t first, uint32_t last);
struct ipc_store_selected world_selected(struct bed_peer *, uint32_t handle, const char *name);
/* As user 1: n messages; flags of UIDs; EXPUNGE; to and including last. */
void		 world_fill(const char *mailbox, uint32_t flags, unsigned n);
/* The same quickly: copies of copies. */
void		 world_fill_archive(uint32_t n);
void		 world_flag(const char *mailbox, uint32_t first, uint32_t last, uint8_t op,
		    uint32_t flags);
void		 world_expunge(const char *mailbox, uint32_t first, uint32_t last);
/* The sweep runs until nothing is left to do in it. */
void		 world_sweep(void);

#endif
