/* SPDX-License-Identifier: ISC */
/*
 * A client's bytes in pieces; the first byte says how large, and what keyd
 * answers.  What comes out is bounded, and a session that ended stays so.
 */
#include <string.h>

#include "cmtpd/cmtp_session.h"
#include "lib/base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static enum err
user_key(void *arg, struct slice user)
{
	unsigned *asked = arg;

	must(user.n > 0 && user.n <= CMTP_USER_MAX);
	return ++*asked % 3 == 0 ? ERR_GONE : ERR_OK;
}

static const struct cmtp_env env = { .user_key = user_key };

static void
answer(struct cmtp_session *s, unsigned n)
{
	static const unsigned char key[CMTP_KEY_BYTES], sig[CMTP_SIG_BYTES];

	if (n % 2 == 0)
		cmtp_session_on_key(s, ERR_OK, key, sig);
	else
		cmtp_session_on_key(s, ERR_NOTFOUND, NULL, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct cmtp_limits limits = { .message_bytes = 5000 };
	const struct cmtp_self self = { .is_known = true };
	const struct cmtp_service service = { &limits, &self, 50 };
	unsigned asked = 0;
	struct cmtp_session s = { .service = &service, .env = &env, .arg = &asked };
	struct slice in, piece;
	size_t used;

	if (n < 1)
		return 0;
	in = slice_of(data + 1, n - 1);
	cmtp_session_start(&s);
	while (in.n > 0 && s.mode != CMTP_CLOSED) {
		piece = slice_head(in, data[0] + 1u);
		used = cmtp_session_feed(&s, piece);
		must(used <= piece.n && s.out.n <= CMTP_OUT_MAX && !s.out.full);
		in = slice_from(in, used);
		if (s.mode == CMTP_WAIT_KEY)
			answer(&s, asked);
		else if (!cmtp_session_can_read(&s) && s.mode != CMTP_CLOSED)
			buf_reset(&s.out);
		else
			must(used == piece.n || s.mode == CMTP_CLOSED);
	}
	if (s.mode == CMTP_CLOSED)
		must(s.end != NULL && cmtp_session_feed(&s, SLICE_LIT("NOOP\0")) == 0);
	cmtp_session_fini(&s);
	return 0;
}
