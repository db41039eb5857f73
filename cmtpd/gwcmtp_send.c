/* SPDX-License-Identifier: ISC */
/* send: a message of CMTP 1, sealed here to its recipient's key; -2: gwcmtp_send2.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "cmtpd/gwcmtp_mail.h"
#include "cmtpd/gwcmtp_tool.h"
#include "lib/cmtp/cmtp_put.h"
#include "lib/crypto/cry_ed.h"

static int
put_file(struct buf *out, const struct gwcmtp *g, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct buf data;
	enum err e;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return gwcmtp_tool_fault(EX_NOINPUT, path, strerror(errno));
	buf_init(&data, GWCMTP_MAIL_MAX + 65536);
	if ((e = gwcmtp_tool_read(fd, &data)) == ERR_OK)
		e = gwcmtp_mail_put_attachment(out, g->user_key,
		    slice_str(slash != NULL ? slash + 1 : path), buf_slice(&data));
	buf_fini(&data);
	(void)close(fd);
	return e == ERR_OK ? EX_OK : gwcmtp_tool_fault(gwcmtp_tool_exit_of(e), path, err_text(e));
}

static int
make(struct gwcmtp *g, const struct slice params[CMTP_PARAMS_MAX], struct slice text,
    struct buf *out)
{
	const struct cmtp_letter letter = { .time_s = (uint32_t)time(NULL),
	    .subject = slice_str(g->subject), .text = text };
	enum err e = gwcmtp_mail_put(out, params, g->user_key, &letter, g->file_count);
	int code = e == ERR_OK ? EX_OK : gwcmtp_tool_fault(e == ERR_SYNTAX ? EX_USAGE :
	    gwcmtp_tool_exit_of(e), "message", e == ERR_SYNTAX ?
	    "a subject or an address that cannot be sent" : err_text(e));

	for (unsigned i = 0; i < g->file_count && code == EX_OK; i++)
		code = put_file(out, g, g->files[i]);
	return code;
}

/* SUCCESS means that the server has it on its disk. */
static int
hand_over(struct gwcmtp *g, struct slice message, const char *to)
{
	struct cmtp_reply r;
	enum err e = gwcmtp_net_write(&g->net, message);

	if (e != ERR_OK || (e = gwcmtp_net_read(&g->net, CMTP_REPLY_STATUS, &r)) != ERR_OK)
		return gwcmtp_tool_net_fault(g, e);
	if (cry_ed_verify((const unsigned char *)r.sig.p, r.signed_bytes, g->server_key) != ERR_OK)
		return gwcmtp_tool_fault(EX_PROTOCOL, to, "the server's signature is wrong");
	return r.is_failure ? gwcmtp_tool_fault(EX_UNAVAILABLE, to,
	    "the server does not take the message") : EX_OK;
}

int
gwcmtp_send(struct gwcmtp *g, int argc, char *argv[])
{
	const char *to = argv[1];
	struct gwcmtp_address a, from;
	struct buf text, out;
	enum err e;
	int code;

	(void)argc;
	if (g->from == NULL || !gwcmtp_tool_address(&from, g->from))
		return gwcmtp_tool_usage();
	if (g->is_2)
		return gwcmtp_send2(g, &from, to);
	if (gwcmtp_tool_address(&a, to) && !g->accepts && gwcmtp_key2_is_due(g, a.domain))
		return gwcmtp_tool_fault(EX_NOPERM, to, "its server was seen with version 2: -2, "
		    "or --accept a key of version 1");
	buf_init(&text, GWCMTP_MAIL_MAX + 65536);
	buf_init(&out, GWCMTP_MAIL_MAX + (1u << 20));
	if ((e = gwcmtp_tool_read(STDIN_FILENO, &text)) != ERR_OK)
		code = gwcmtp_tool_fault(gwcmtp_tool_exit_of(e), "standard input", err_text(e));
	else if ((code = gwcmtp_key_get(g, to, &a, false)) == EX_OK) {
		const struct slice params[CMTP_PARAMS_MAX] = {
			[CMTP_TO_USER] = slice_str(a.user), [CMTP_TO_DOMAIN] = slice_str(a.domain),
			[CMTP_FROM_USER] = slice_str(from.user),
			[CMTP_FROM_DOMAIN] = slice_str(from.domain),
		};

		if ((code = make(g, params, buf_slice(&text), &out)) == EX_OK)
			code = hand_over(g, buf_slice(&out), to);
	}
	buf_fini(&out);
	buf_fini(&text);
	return code;
}
