/* SPDX-License-Identifier: ISC */
#include "lib/daemon/daemon_priv.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/num.h"

#ifdef GODWIT_TEST
/* "step" or "step:n", from the environment at start. */
static struct slice crash_step;
static atomic_uint crash_countdown;

void
daemon_crash_init(void)
{
	struct slice spec = slice_str(getenv("GODWIT_CRASH_AT"));
	uint32_t n = 1;
	struct slice count;

	count = slice_cut(spec, ':', &crash_step);
	if (count.n > 0 && num_parse_u32(count, 1000000, &n) != ERR_OK)
		log_fatal("GODWIT_CRASH_AT is step or step:n");
	atomic_store(&crash_countdown, n);
}

void
daemon_crash_at(const char *step)
{
	if (crash_step.n == 0 || !slice_eq_str(crash_step, step))
		return;
	if (atomic_fetch_sub(&crash_countdown, 1) != 1)
		return;
	/* So that a test can tell this death from another. */
	log_event(LOG_fatal, log_str("reason", step));
	(void)raise(SIGKILL);
}
#else
void
daemon_crash_init(void)
{
}
#endif
