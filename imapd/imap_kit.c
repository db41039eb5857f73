/* SPDX-License-Identifier: ISC */
#include "imapd/imap_kit.h"

#include <stdlib.h>

#include "lib/base/must.h"

#define SEALED_MAX	(SEALER_INLINE_MAX + (512u << 10))

static struct imap_kit *
kit_new(void)
{
	struct imap_kit *k = must_alloc(1, sizeof(*k));

	sealer_message_init(&k->message);
	mime_init(&k->mime);
	buf_init(&k->sealed, SEALED_MAX);
	return k;
}

static void
kit_free(struct sealer *sealer, struct imap_kit **kp)
{
	struct imap_kit *k = *kp;

	*kp = NULL;
	sealer_message_fini(sealer, &k->message);
	mime_fini(&k->mime);
	buf_fini(&k->sealed);
	free(k);
}

struct imap_kit *
imap_kit_take(struct imap_shared *shared)
{
	struct imap_kit *k = NULL;

	for (size_t i = 0; i < IMAP_KITS_KEPT && k == NULL; i++) {
		k = shared->kits[i];
		shared->kits[i] = NULL;
	}
	if (k == NULL)
		k = kit_new();
	mime_start(&k->mime);
	return k;
}

void
imap_kit_give(struct imap_shared *shared, struct imap_kit **kp)
{
	struct imap_kit *k = *kp;

	*kp = NULL;
	if (k == NULL)
		return;
	for (size_t i = 0; i < IMAP_KITS_KEPT && k->mime.bytes <= IMAP_KIT_BYTES; i++) {
		if (shared->kits[i] != NULL)
			continue;
		sealer_message_reset(shared->sealer, &k->message);
		buf_reset(&k->sealed);
		shared->kits[i] = k;
		return;
	}
	kit_free(shared->sealer, &k);
}

void
imap_kits_free(struct imap_shared *shared)
{
	for (size_t i = 0; i < IMAP_KITS_KEPT; i++)
		if (shared->kits[i] != NULL)
			kit_free(shared->sealer, &shared->kits[i]);
}
