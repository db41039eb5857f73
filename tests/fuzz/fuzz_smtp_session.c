/* SPDX-License-Identifier: ISC */
/*
 * A session with scripted answers, once whole and once in small pieces: no
 * crash, no hang, the same replies, body and questions.  Byte 0 chooses the
 * listener, byte 1 the pieces.  STARTTLS looks at what arrived with it, so
 * inputs that offer it are only run, not compared.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "tests/unit/smtpd/fake_env.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
run(struct fake *f, uint8_t kind, struct slice in, size_t step, unsigned pause_every)
{
	fake_init(f, kind & 1, (enum smtp_tls)(kind >> 1 & 3));
	f->pause_every = pause_every;
	f->body_fails = kind & 8;
	fake_run(f, in, step);
}

static bool
may_start_tls(const struct fake *f)
{
	return slice_search(buf_slice(&f->log), SLICE_LIT("tls\n")) < f->log.n ||
	    (f->s.end != NULL && strcmp(f->s.end, "plaintext after STARTTLS") == 0);
}

/* A message that is refused may have got to different places by then. */
static bool
is_committed(const struct fake *f)
{
	struct slice log = buf_slice(&f->log), last;

	log = slice_head(log, log.n > 0 ? log.n - 1 : 0);
	last = slice_from(log, slice_rfind(log, '\n') + 1);
	return slice_starts(last, "commit ");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fake whole, cut;
	struct slice in;

	log_to_fd(-1);
	if (n < 2)
		return 0;
	in = slice_of(data + 2, n - 2);
	run(&whole, data[0], in, in.n, 0);
	run(&cut, data[0], in, 1 + data[1] % 16, 3);
	if (!may_start_tls(&whole) && !may_start_tls(&cut)) {
		if (!slice_eq(buf_slice(&whole.out), buf_slice(&cut.out)) ||
		    !slice_eq(buf_slice(&whole.log), buf_slice(&cut.log)))
			abort();
		if (is_committed(&whole) &&
		    !slice_eq(buf_slice(&whole.body), buf_slice(&cut.body)))
			abort();
	}
	fake_fini(&whole);
	fake_fini(&cut);
	return 0;
}
