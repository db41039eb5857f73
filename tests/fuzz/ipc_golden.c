/* SPDX-License-Identifier: ISC */
/*
 * Prints a sample of every message as it goes over the wire: the golden file
 * tests/golden/ipc.txt, so that a change of the protocol between processes
 * shows in a diff.  With a folder: writes the samples there as fuzz seeds.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/ipc/ipc_codec.h"

#define sample_u8	7
#define sample_u16	0x0102
#define sample_u32	0x01020304
#define sample_u64	0x0102030405060708ULL
#define sample_bool	true
#define sample_err	ERR_LIMIT
#define F(type, field)		.field = sample_##type,
#define V(type, cap, field)	.field = SLICE_LIT(#field),
#define SAMPLE(name, ...)						\
static void								\
sample_##name(struct buf *b)						\
{									\
	const struct ipc_##name m = { __VA_ARGS__ };			\
									\
	ipc_##name##_put(b, &m);					\
}
#define REQ(name, id, from, fds, ...)	SAMPLE(name, __VA_ARGS__)
#define MSG(name, id, from, fds, ...)	SAMPLE(name, __VA_ARGS__)
#define REC(name, ...)			SAMPLE(name, __VA_ARGS__)
#include "lib/ipc/all.msg"
#undef F
#undef V
#undef REQ
#undef MSG
#undef REC

struct sample {
	const char	*name;
	unsigned	 type;		/* 0: a record */
	void		(*put)(struct buf *);
};
static const struct sample samples[] = {
#define F(type, field)
#define V(type, cap, field)
#define REQ(name, id, from, fds, ...)	{ #name, (id), sample_##name },
#define MSG(name, id, from, fds, ...)	{ #name, (id), sample_##name },
#define REC(name, ...)			{ #name, 0, sample_##name },
#include "lib/ipc/all.msg"
};

static void
print_sample(const struct sample *s, const struct buf *body)
{
	const struct ipc_type_row *row = ipc_type_find((uint16_t)s->type);
	struct buf hex;

	buf_init(&hex, 1 << 16);
	enc_put_hex(&hex, buf_slice(body));
	if (row == NULL)
		printf("record  %-20s %s\n", s->name, buf_cstr(&hex));
	else
		printf("0x%04x  %-20s %s from=0x%04x fds=%u%s %s\n", s->type,
		    s->name, row->is_request ? "request" : "message", row->from,
		    row->max_fds, row->has_secret ? " secret" : "", buf_cstr(&hex));
	buf_fini(&hex);
}

static int
write_seed(const char *folder, const struct sample *s, const struct buf *body)
{
	unsigned char type[2];
	char path[1024];
	FILE *f;

	/* By number: a new message changes no other's seed. */
	enc_le16(type, (uint16_t)s->type);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, s->name);
	f = fopen(path, "wb");
	if (f == NULL || fwrite(type, 1, 2, f) != 2 ||
	    fwrite(buf_data(body), 1, body->n, f) != body->n || fclose(f) != 0)
		return 1;
	return 0;
}

int
main(int argc, char *argv[])
{
	struct buf body;
	int failed = 0;

	for (size_t i = 0; i < lengthof(samples); i++) {
		buf_init(&body, 1 << 16);
		samples[i].put(&body);
		if (argc > 1)
			failed |= write_seed(argv[1], &samples[i], &body);
		else
			print_sample(&samples[i], &body);
		buf_fini(&body);
	}
	return failed;
}
