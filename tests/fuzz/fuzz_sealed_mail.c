/* SPDX-License-Identifier: ISC */
/*
 * A message that came sealed, in deliver's hands, and what stands beside it in
 * the store, in imapd's.  The input as that message: what is taken for one has
 * a trace within its limit and an object that ends where the message does.  The
 * input as an arrival, and as the text of a summary with a trace.
 */
#include <string.h>

#include "delivery/dlv_sealed.h"
#include "lib/base/must.h"
#include "lib/seal/seal_arrival.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
as_message(struct slice in)
{
	static const struct ipc_store_epoch_ok grant = { .epoch = 1, .first_content = 1, .count = 1 };
	struct sealer_owner owner = { .account = 1, .generation = 1, .single = true };
	struct ipc_store_append a = { .handle = 0 };
	struct sealer *sealer = sealer_new();
	struct sealer_message m;
	struct dlv_sealed s;
	struct buf out;
	enum err e;

	memset(owner.public_key, 9, sizeof(owner.public_key));
	sealer_message_init(&m);
	dlv_sealed_init(&s);
	buf_init(&out, 4096);
	dlv_sealed_read(&s, in, in.n);
	if (s.error == ERR_OK) {
		must(s.trace.n <= SEAL_TRACE_MAX && slice_ends(buf_slice(&s.trace), "\r\n"));
		must(s.data_off <= in.n);
	}
	must(sealer_grant(sealer, &owner, &grant, 0) == ERR_OK);
	e = dlv_sealed_begin(&s, sealer, &m, &owner, SLICE_LIT("X: y\r\n"), 0, &out, &a);
	must((e == ERR_OK) == (out.n == SEAL_HEAD_BYTES));
	must(e != ERR_OK || (a.epoch_data.n == EPOCH_SEALED_BYTES && a.size >= s.trace.n));
	sealer_message_fini(sealer, &m);
	dlv_sealed_fini(&s);
	sealer_free(&sealer);
	buf_fini(&out);
}

static void
as_arrival(struct slice in)
{
	static const unsigned char key[SEAL_KEY_BYTES] = { 7 };
	struct seal_reader *reader = seal_reader_new();
	struct seal_arrival a;
	struct buf trace;

	buf_init(&trace, SEAL_TRACE_MAX);
	if (seal_arrival_parse(&a, in) == ERR_OK) {
		must(seal_arrival_is(in) && in.n <= SEAL_ARRIVAL_MAX);
		must(a.sealed_key.n == EPOCH_SEALED_BYTES && (a.form_n == EPOCH_DIRECT_BYTES ||
		    a.form_n == EPOCH_CARRIED_BYTES));
		must(seal_arrival_open(&trace, reader, key, in) != ERR_OK || trace.n <= SEAL_TRACE_MAX);
	}
	seal_reader_free(&reader);
	buf_fini(&trace);
}

static void
as_summary(struct slice in)
{
	struct slice trace, summary;

	if (seal_traced_get(in, &trace, &summary) == ERR_OK)
		must(trace.n <= SEAL_TRACE_MAX && 4 + trace.n + summary.n == in.n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice in = slice_of(data, n);

	cry_init();
	as_message(in);
	as_arrival(in);
	as_summary(in);
	return 0;
}
