/* SPDX-License-Identifier: ISC */
/* keygen, passwd, public: the key ring of an address (gwcmtp_ring.h). */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "cmtpd/gwcmtp_ringfile.h"
#include "cmtpd/gwcmtp_tool.h"
#include "lib/base/enc.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry.h"
#include "lib/sys/fd.h"

enum { IMPORT_MAX = 4096 };

static void
show_public(const unsigned char key[CRY_KEY_BYTES])
{
	struct buf b;

	buf_init(&b, 64);
	enc_put_base64(&b, slice_of(key, CRY_KEY_BYTES));
	(void)printf("%s\n", buf_cstr(&b));
	buf_fini(&b);
}

/* The line of base64 between the lines of PEM, or the only one. */
static struct slice
body_of(struct slice text)
{
	struct slice line, rest = text;

	if (!slice_starts(text, "-----BEGIN PRIVATE KEY-----"))
		return slice_trim(text);
	(void)slice_cut(rest, '\n', &line);
	(void)slice_cut(slice_from(rest, line.n + 1), '\n', &line);
	return slice_trim(line);
}

/* RFC 8410 s7: PrivateKeyInfo of X25519; or the 32 bytes themselves. */
static enum err
read_secret(struct slice text, struct buf *raw)
{
	static const unsigned char info[] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
		0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20 };

	if (enc_get_base64(raw, body_of(text)) != ERR_OK)
		return ERR_SYNTAX;
	if (raw->n == sizeof(info) + CRY_KEY_BYTES && memcmp(buf_data(raw), info, sizeof(info)) == 0)
		buf_consume(raw, sizeof(info));
	return raw->n == CRY_KEY_BYTES ? ERR_OK : ERR_SYNTAX;
}

static int
import(struct gwcmtp_ring *r, const char *path)
{
	struct buf text, raw;
	int fd = open(path, O_RDONLY | O_CLOEXEC), code = EX_OK;
	enum err e;
	size_t n = 0;
	char *at;

	if (fd < 0)
		return gwcmtp_tool_fault(EX_NOINPUT, path, "it cannot be read");
	buf_init(&text, IMPORT_MAX);
	buf_init(&raw, IMPORT_MAX);
	text.secret = raw.secret = true;
	at = buf_reserve(&text, IMPORT_MAX);
	e = at == NULL ? ERR_LIMIT : fd_pread_file(fd, at, IMPORT_MAX, &n);
	if (e == ERR_OK) {
		buf_commit(&text, n);
		e = read_secret(buf_slice(&text), &raw);
	}
	if (e != ERR_OK)
		code = gwcmtp_tool_fault(EX_DATAERR, path, "no secret key of X25519");
	else if (gwcmtp_ring_add(r, (const unsigned char *)buf_data(&raw),
	    (uint64_t)time(NULL)) != ERR_OK)
		code = gwcmtp_tool_fault(EX_CANTCREAT, path, "the ring is full");
	buf_fini(&raw);
	buf_fini(&text);
	fd_close(&fd);
	return code;
}

static int
add(const struct gwcmtp *g, struct gwcmtp_ring *r)
{
	if (g->import != NULL)
		return import(r, g->import);
	if (gwcmtp_ring_add(r, NULL, (uint64_t)time(NULL)) != ERR_OK)
		return gwcmtp_tool_fault(EX_CANTCREAT, "keygen", "the ring is full");
	return EX_OK;
}

static int
save(const struct gwcmtp *g, const struct gwcmtp_ringfile *f, struct gwcmtp_ring *r,
    struct slice password)
{
	unsigned char key[CRY_KEY_BYTES];
	int code = gwcmtp_ringfile_save(g, f, r, password);

	if (code == EX_OK) {
		cry_box_public(key, gwcmtp_ring_secret(r, 0));
		show_public(key);
	}
	return code;
}

/* A first key under a new password, or with --next another under the present one. */
int
gwcmtp_keygen(struct gwcmtp *g, int argc, char *argv[])
{
	struct gwcmtp_password *p = NULL;
	struct gwcmtp_ringfile f;
	struct gwcmtp_ring r;
	int code = gwcmtp_ringfile_find(g, &f, argv[1]);

	(void)argc;
	if (code != EX_OK)
		return code;
	if (f.is_there != g->next) {
		gwcmtp_ringfile_fini(&f);
		return f.is_there ? gwcmtp_tool_fault(EX_CANTCREAT, argv[1],
		    "it has a key; --next makes another and keeps that one") :
		    gwcmtp_tool_fault(EX_NOINPUT, argv[1], "it has no key yet");
	}
	gwcmtp_ring_init(&r);
	if (f.is_there)
		code = gwcmtp_ringfile_open(g, &f, &r, &p);
	else
		code = gwcmtp_tool_ask(g, &r, "Password of the key: ", true, &p);
	if (code == EX_OK && (code = add(g, &r)) == EX_OK)
		code = save(g, &f, &r, gwcmtp_tool_word(p));
	gwcmtp_tool_forget(&r, &p);
	gwcmtp_ring_fini(&r);
	gwcmtp_ringfile_fini(&f);
	return code;
}

/* The same keys under another password. */
int
gwcmtp_passwd(struct gwcmtp *g, int argc, char *argv[])
{
	struct gwcmtp_password *p = NULL, *fresh = NULL;
	struct gwcmtp_ringfile f;
	struct gwcmtp_ring r;
	int code = gwcmtp_ringfile_find(g, &f, argv[1]);

	(void)argc;
	if (code != EX_OK)
		return code;
	gwcmtp_ring_init(&r);
	if ((code = gwcmtp_ringfile_open(g, &f, &r, &p)) == EX_OK &&
	    (code = gwcmtp_tool_ask(g, &r, "New password: ", true, &fresh)) == EX_OK)
		code = gwcmtp_ringfile_save(g, &f, &r, gwcmtp_tool_word(fresh));
	gwcmtp_tool_forget(&r, &fresh);
	gwcmtp_tool_forget(&r, &p);
	gwcmtp_ring_fini(&r);
	gwcmtp_ringfile_fini(&f);
	return code;
}

int
gwcmtp_public(struct gwcmtp *g, int argc, char *argv[])
{
	unsigned char key[CRY_KEY_BYTES];
	struct gwcmtp_ringfile f;
	int code = gwcmtp_ringfile_find(g, &f, argv[1]);

	(void)argc;
	if (code != EX_OK)
		return code;
	if (!f.is_there)
		code = gwcmtp_tool_fault(EX_NOINPUT, argv[1], "it has no key");
	else if (gwcmtp_ring_public(key, buf_slice(&f.bytes)) != ERR_OK)
		code = gwcmtp_tool_fault(EX_CONFIG, f.name, "that is no key ring");
	else
		show_public(key);
	gwcmtp_ringfile_fini(&f);
	return code;
}
