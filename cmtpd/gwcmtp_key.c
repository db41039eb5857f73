/* SPDX-License-Identifier: ISC */
/* key, list: keys are asked for, remembered, and compared with those known. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmtpd/gwcmtp_tool.h"
#include "lib/base/enc.h"
#include "lib/cmtp/cmtp_put.h"
#include "lib/crypto/cry_ed.h"

static void
show(const char *name, const unsigned char key[CMTP_KEY_BYTES], const char *note)
{
	struct buf b;

	buf_init(&b, 64);
	enc_put_base64(&b, slice_of(key, CMTP_KEY_BYTES));
	(void)printf("%s %s %s\n", name, buf_cstr(&b), note);
	buf_fini(&b);
}

/* Remembered, or it is what it was; --accept takes another one. */
static int
take_key(struct gwcmtp *g, const char *name, const unsigned char key[CMTP_KEY_BYTES], bool shows)
{
	enum gwcmtp_pin is = gwcmtp_pins_judge(&g->pins, slice_str(name), key);
	enum err e = ERR_OK;

	if (is == GWCMTP_PIN_OTHER && !g->accepts) {
		show(name, key, "changed");
		return gwcmtp_tool_fault(EX_NOPERM, name, "the key is another than it was; "
		    "ask its owner, then --accept");
	}
	if (is != GWCMTP_PIN_SAME)
		e = gwcmtp_pins_put(&g->pins, slice_str(name), key);
	if (e != ERR_OK)
		return gwcmtp_tool_fault(EX_CANTCREAT, g->dir, err_text(e));
	if (shows)
		show(name, key, is == GWCMTP_PIN_SAME ? "known" : is == GWCMTP_PIN_NEW ? "new" :
		    "accepted");
	return EX_OK;
}

/* KEYREQUEST; the signature is the server's, whose key comes first and alone. */
static int
ask_key(struct gwcmtp *g, const char *name, const struct slice params[2],
    unsigned char key[CMTP_KEY_BYTES])
{
	struct cmtp_reply r;
	struct buf b;
	enum err e;

	buf_init(&b, 2 * CMTP_PARAM_MAX + 32);
	e = cmtp_put_command(&b, CMTP_KEYREQUEST, params, 2);
	if (e != ERR_OK) {
		buf_fini(&b);
		return gwcmtp_tool_fault(EX_USAGE, name, "no address");
	}
	if ((e = gwcmtp_net_write(&g->net, buf_slice(&b))) == ERR_OK)
		e = gwcmtp_net_read(&g->net, CMTP_REPLY_KEY, &r);
	buf_fini(&b);
	if (e != ERR_OK)
		return gwcmtp_tool_net_fault(g, e);
	if (r.is_failure)
		return gwcmtp_tool_fault(EX_NOUSER, name, "the server gives no key");
	memcpy(key, r.signed_bytes.p, CMTP_KEY_BYTES);
	if (params[0].n == 0)
		memcpy(g->server_key, key, CMTP_KEY_BYTES);
	if (cry_ed_verify((const unsigned char *)r.sig.p, r.signed_bytes, g->server_key) != ERR_OK)
		return gwcmtp_tool_fault(EX_PROTOCOL, name, "the server's signature is wrong");
	return EX_OK;
}

int
gwcmtp_key_get(struct gwcmtp *g, const char *text, struct gwcmtp_address *a, bool shows)
{
	char name[GWCMTP_PIN_NAME_MAX + 1];
	const struct slice server[2] = { SLICE_NONE, SLICE_NONE };
	struct slice user[2];
	enum err e;
	int code;

	if (!gwcmtp_tool_address(a, text))
		return gwcmtp_tool_fault(EX_USAGE, text, "no address");
	user[0] = slice_str(a->user);
	user[1] = slice_str(a->domain);
	if ((e = gwcmtp_net_open(&g->net, a->domain, g->server)) != ERR_OK)
		return gwcmtp_tool_net_fault(g, e);
	(void)snprintf(name, sizeof(name), "@%s", a->domain);
	if ((code = ask_key(g, name, server, g->server_key)) == EX_OK)
		code = take_key(g, name, g->server_key, shows);
	(void)snprintf(name, sizeof(name), "%s@%s", a->user, a->domain);
	if (code == EX_OK && (code = ask_key(g, name, user, g->user_key)) == EX_OK)
		code = take_key(g, name, g->user_key, shows);
	return code;
}

int
gwcmtp_key(struct gwcmtp *g, int argc, char *argv[])
{
	struct gwcmtp_address a;

	(void)argc;
	return g->is_2 ? gwcmtp_key2(g, argv[1]) : gwcmtp_key_get(g, argv[1], &a, true);
}

int
gwcmtp_list(struct gwcmtp *g, int argc, char *argv[])
{
	struct slice all = buf_slice(&g->pins.lines.text);

	(void)argc;
	(void)argv;
	if (g->is_2)
		return gwcmtp_list2(g);
	return all.n == 0 || fwrite(all.p, 1, all.n, stdout) == all.n ? EX_OK : EX_IOERR;
}
