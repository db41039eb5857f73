/* SPDX-License-Identifier: ISC */
#include "keyd/key_unlock.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"

enum err
key_unlock_parse(unsigned char root[32], struct slice file)
{
	struct slice s = slice_trim(file);
	struct buf b;
	enum err e;

	/* First by exact length: a raw key may begin with a space. */
	if (file.n == 32) {
		memcpy(root, file.p, 32);
		return ERR_OK;
	}
	if (s.n != 64)
		return ERR_SYNTAX;
	buf_init(&b, 64);
	e = enc_get_hex(&b, s);
	if (e == ERR_OK && b.n == 32)
		memcpy(root, buf_data(&b), 32);
	else
		e = ERR_SYNTAX;
	buf_wipe(&b);
	buf_fini(&b);
	return e;
}

void
key_unlock_derive(struct key_roots *k, struct secret_arena *arena,
    const unsigned char root[32])
{
	k->ring = secret_arena_alloc(arena, 32);
	k->account = secret_arena_alloc(arena, 32);
	k->value = secret_arena_alloc(arena, 32);
	k->srs = secret_arena_alloc(arena, 32);
	k->grant = secret_arena_alloc(arena, 32);
	k->cmtp = secret_arena_alloc(arena, 32);
	k->cmtp2 = secret_arena_alloc(arena, 32);
	k->chains = secret_arena_alloc(arena, 32);
	k->pins = secret_arena_alloc(arena, 32);
	k->enter = secret_arena_alloc(arena, 32);
	k->url = secret_arena_alloc(arena, 32);
	must(k->ring != NULL && k->account != NULL && k->value != NULL && k->srs != NULL &&
	    k->grant != NULL && k->cmtp != NULL && k->url != NULL &&
	    k->cmtp2 != NULL && k->chains != NULL && k->pins != NULL &&
	    k->enter != NULL);
	cry_subkey(k->ring, root, "godwit keys/ring");
	cry_subkey(k->account, root, "godwit account secret keys");
	cry_subkey(k->value, root, "godwit small values");
	cry_subkey(k->srs, root, "godwit rewritten senders");
	cry_subkey(k->grant, root, "godwit grants");
	cry_subkey(k->url, root, "godwit url authorization");
	cry_subkey(k->cmtp, root, "godwit cmtp 1 server");
	cry_subkey(k->cmtp2, root, "godwit cmtp 2 server");
	cry_subkey(k->chains, root, "godwit keys/cmtp");
	cry_subkey(k->pins, root, "godwit keys/pins");
	cry_subkey(k->enter, root, "godwit cmtp logins");
}

enum err
key_unlock(struct key_roots *k, struct secret_arena *arena, int fd)
{
	char *mem = secret_arena_alloc(arena, KEY_ROOT_FILE_MAX);
	unsigned char root[32];
	size_t n = 0;
	ssize_t got = 1;
	enum err e;

	must(mem != NULL);
	while (n < KEY_ROOT_FILE_MAX && got > 0) {
		got = pread(fd, mem + n, KEY_ROOT_FILE_MAX - n, (off_t)n);
		if (got > 0)
			n += (size_t)got;
		else if (got < 0 && errno == EINTR)
			got = 1;
	}
	e = got < 0 ? ERR_IO : key_unlock_parse(root, slice_of(mem, n));
	secret_arena_release(arena, mem, KEY_ROOT_FILE_MAX);
	if (e == ERR_OK)
		key_unlock_derive(k, arena, root);
	secret_wipe(root, sizeof(root));
	return e;
}
