/* SPDX-License-Identifier: ISC */
#include "imapd/imap_urlauth.h"

#include <string.h>

#include "imapd/imap_mailbox.h"
#include "lib/base/enc.h"
#include "lib/crypto/cry.h"
#include "lib/ipc/ipc_codec.h"
#include "lib/mail/addr.h"

enum { TOKEN_VERSION = 1, URL_TOKEN_BYTES = 9 + URL_MAC_BYTES };

/* RFC 4467 s3: the user of the server part owns the mailbox. */
static enum err
find_owner(struct imap_urlauth *u, struct arena *a)
{
	char text[ADDR_TEXT_MAX + 1];
	struct slice user = u->url.user, canon;
	struct buf b;
	enum err e;

	buf_init(&b, 2 * IMAP_URL_MAX + 1);
	buf_put_slice(&b, user);
	if (slice_find(user, '@') == user.n) {
		buf_put_char(&b, '@');
		buf_put_slice(&b, u->url.host);
	}
	e = addr_canon_text(buf_slice(&b), text, &canon);
	buf_fini(&b);
	if (e != ERR_OK)
		return ERR_SYNTAX;
	u->owner = arena_dup(a, canon);
	return u->owner.n == canon.n ? ERR_OK : ERR_LIMIT;
}

/* It is this host, or the owner's domain. */
static bool
is_here(const struct imap_urlauth *u, const char *hostname)
{
	struct slice domain = slice_from(u->owner, slice_rfind(u->owner, '@') + 1);

	return slice_ieq_str(u->url.host, hostname) || slice_ieq(u->url.host, domain);
}

enum err
imap_urlauth_parse(struct imap_urlauth *u, struct slice text, const char *hostname,
    struct arena *a)
{
	struct slice path;
	enum err e;

	memset(u, 0, sizeof(*u));
	e = imap_url_parse(&u->url, text, a);
	if (e == ERR_OK && (!u->url.has_scheme || u->url.uid == 0 || u->url.user.n == 0 ||
	    u->url.access == IMAP_URL_NO_ACCESS))
		e = ERR_SYNTAX;
	if (e == ERR_OK)
		e = find_owner(u, a);
	if (e == ERR_OK && !is_here(u, hostname))
		e = ERR_SYNTAX;
	if (e == ERR_OK)
		e = imap_url_mailbox(&u->url, SLICE_NONE, a, &path);
	if (e == ERR_OK)
		e = imap_mailbox_name(path, true, a, &u->name);
	if (e == ERR_OK && !imap_items_parse_section(&u->item, u->url.section, a))
		e = ERR_SYNTAX;
	u->item.is_partial = u->url.has_partial;
	u->item.from = u->url.from;
	u->item.count = u->url.count > 0 ? u->url.count : UINT32_MAX;
	return e == ERR_OK || e == ERR_LIMIT ? e : ERR_SYNTAX;
}

void
imap_urlauth_terms(const struct imap_urlauth *u, uint64_t mailbox, struct buf *out)
{
	static const uint8_t access[] = {
		[IMAP_URL_SUBMIT] = URL_SUBMIT, [IMAP_URL_USER] = URL_USER,
		[IMAP_URL_AUTHUSER] = URL_AUTHUSER, [IMAP_URL_ANONYMOUS] = URL_ANONYMOUS,
	};
	unsigned char hash[32];
	struct ipc_url_terms t = {
		.access = access[u->url.access], .mailbox = mailbox,
		.uidvalidity = u->url.uidvalidity, .uid = u->url.uid,
		.user = slice_head(u->url.access_user, 320),
		.text = slice_of(hash, sizeof(hash)),
	};

	/* What expired before 1970 did so in 1970. */
	if (u->url.has_expire)
		t.expires_s = u->url.expire_s > 0 ? (uint64_t)u->url.expire_s : 1;
	cry_hash(hash, sizeof(hash), u->url.rump);
	ipc_url_terms_put(out, &t);
}

void
imap_urlauth_put(const struct imap_urlauth *u, uint64_t mailbox, struct slice mac,
    struct buf *out)
{
	unsigned char token[URL_TOKEN_BYTES] = { TOKEN_VERSION };

	enc_le64(token + 1, mailbox);
	if (mac.n == URL_MAC_BYTES)
		memcpy(token + 9, mac.p, URL_MAC_BYTES);
	buf_put_slice(out, u->url.rump);
	buf_put_str(out, ":INTERNAL:");
	enc_put_hex(out, slice_of(token, sizeof(token)));
}

enum err
imap_urlauth_token(const struct imap_urlauth *u, uint64_t *mailbox,
    unsigned char mac[URL_MAC_BYTES])
{
	struct buf b;
	const unsigned char *p;
	enum err e = ERR_SYNTAX;

	if (!slice_ieq_str(u->url.mechanism, "INTERNAL"))
		return ERR_SYNTAX;
	buf_init(&b, URL_TOKEN_BYTES);
	if (u->url.token.n == 2 * (size_t)URL_TOKEN_BYTES &&
	    enc_get_hex(&b, u->url.token) == ERR_OK) {
		p = (const unsigned char *)buf_data(&b);
		*mailbox = dec_le64(p + 1);
		memcpy(mac, p + 9, URL_MAC_BYTES);
		e = p[0] == TOKEN_VERSION && *mailbox != 0 ? ERR_OK : ERR_SYNTAX;
	}
	buf_fini(&b);
	return e;
}
