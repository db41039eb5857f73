/* SPDX-License-Identifier: ISC */
#include "cmtpd/gwcmtp_ringfile.h"

#include <sysexits.h>

#define PREFIX	"ring-"

/* A name that is a file's: the address has no slash and is not too long. */
static bool
make_name(struct gwcmtp_ringfile *f, const char *address)
{
	struct slice s = slice_str(address);
	struct gwcmtp_address a;
	size_t n = sizeof(PREFIX) - 1;

	if (!gwcmtp_tool_address(&a, address) || s.n > GWCMTP_FILE_NAME_MAX - n ||
	    slice_find(s, '/') < s.n)
		return false;
	memcpy(f->name, PREFIX, n);
	for (size_t i = 0; i < s.n; i++)
		f->name[n + i] = ascii_lower(s.p[i]);
	f->name[n + s.n] = '\0';
	f->address = slice_of(f->name + n, s.n);
	return true;
}

int
gwcmtp_ringfile_find(const struct gwcmtp *g, struct gwcmtp_ringfile *f, const char *address)
{
	enum err e;

	if (!make_name(f, address))
		return gwcmtp_tool_fault(EX_USAGE, address, "no address");
	buf_init(&f->bytes, GWCMTP_RING_BYTES_MAX + 1);
	e = gwcmtp_file_read(g->dir, f->name, &f->bytes);
	f->is_there = e == ERR_OK;
	if (e == ERR_OK || e == ERR_NOTFOUND)
		return EX_OK;
	gwcmtp_ringfile_fini(f);
	return gwcmtp_tool_fault(e == ERR_LIMIT || e == ERR_SYNTAX ? EX_CONFIG : EX_OSERR, f->name,
	    e == ERR_LIMIT || e == ERR_SYNTAX ? "that is no key ring" : err_text(e));
}

void
gwcmtp_ringfile_fini(struct gwcmtp_ringfile *f)
{
	buf_fini(&f->bytes);
}

int
gwcmtp_ringfile_open(const struct gwcmtp *g, const struct gwcmtp_ringfile *f,
    struct gwcmtp_ring *r, struct gwcmtp_password **p)
{
	unsigned char key[CRY_KEY_BYTES];
	enum err e;
	int code;

	if (!f->is_there)
		return gwcmtp_tool_fault(EX_NOINPUT, f->address.p, "it has no key");
	/* Before somebody types a password for it. */
	if (gwcmtp_ring_public(key, buf_slice(&f->bytes)) != ERR_OK)
		return gwcmtp_tool_fault(EX_CONFIG, f->name, "that is no key ring");
	if ((code = gwcmtp_tool_ask(g, r, "Password of the key: ", false, p)) != EX_OK)
		return code;
	e = gwcmtp_ring_get(r, buf_slice(&f->bytes), f->address, gwcmtp_tool_word(*p));
	if (e == ERR_OK)
		return EX_OK;
	return gwcmtp_tool_fault(e == ERR_BUSY ? EX_TEMPFAIL : EX_NOPERM, f->name,
	    e == ERR_BUSY ? "not enough memory to open it" : "this password does not open it");
}

int
gwcmtp_ringfile_save(const struct gwcmtp *g, const struct gwcmtp_ringfile *f,
    const struct gwcmtp_ring *r, struct slice password)
{
	struct buf out;
	enum err e;

	buf_init(&out, GWCMTP_RING_BYTES_MAX);
	if ((e = gwcmtp_ring_put(&out, r, f->address, password)) == ERR_OK)
		e = gwcmtp_file_write(g->dir, f->name, buf_slice(&out));
	buf_fini(&out);
	return e == ERR_OK ? EX_OK : gwcmtp_tool_fault(e == ERR_BUSY ? EX_TEMPFAIL : EX_CANTCREAT,
	    f->name, e == ERR_BUSY ? "not enough memory to seal it" : err_text(e));
}
