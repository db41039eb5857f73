/* SPDX-License-Identifier: ISC */
/*
 * A client's bytes into a session over the account in memory of imap_fake,
 * logged in with two messages; the first byte says where the input is split,
 * whether the login is left to it, and whether a command takes one message.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "imapd/imap_known.h"
#include "tests/unit/imapd/imap_fake.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char prologue[] = "l LOGIN alice secret\r\n"
    "a APPEND INBOX (\\Seen $x) {64+}\r\nFrom: a <a@b>\r\nSubject: hi\r\n"
    "Content-Type: text/plain\r\n\r\nbody\r\n\r\n"
    "a APPEND INBOX {5+}\r\nhello\r\nc CREATE x\r\ns SELECT INBOX\r\n";

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct imap_shared shared;
	struct fake_store *store = must_alloc(1, sizeof(*store));
	struct slice in = slice_of(data, n);
	struct fake f;
	size_t cut;

	if (shared.sealer == NULL) {
		log_to_fd(-1);
		fake_shared_init(&shared);
		shared.scram = true;
	}
	shared.message_limit = n > 0 && data[0] >= 0x80;
	sealer_forget(shared.sealer);
	imap_known_forget(shared.known);
	fake_store_init(store);
	store->pulse = 1;
	fake_init(&f, &shared, store, true);
	if (n > 0) {
		if (data[0] & 1)
			fake_say(&f, prologue);
		in = slice_from(in, 1);
		cut = in.n > 0 ? (data[0] >> 1) % in.n : 0;
		fake_say_bytes(&f, slice_head(in, cut));
		fake_say_bytes(&f, slice_from(in, cut));
	}
	/* For what NOTIFY and UPDATE asked. */
	fake_deliver(&f, "INBOX", slice_str("Subject: new\r\n\r\nx\r\n"));
	for (uint64_t mailbox = 0; mailbox <= 2; mailbox++) {
		imap_session_on_notify(f.s, f.s->handle, mailbox);
		imap_session_on_entries(f.s, mailbox, slice_of("/shared/a", 10));
		fake_run(&f);
	}
	fake_fini(&f);
	fake_store_fini(store);
	free(store);
	return 0;
}
