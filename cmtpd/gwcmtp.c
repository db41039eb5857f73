/* SPDX-License-Identifier: ISC */
/*
 * gwcmtp: a client of CMTP 1.  It asks a server for keys, remembers them, says
 * so when one is another than it was, and sends mail that only its recipient
 * opens.  Nothing of it needs a privilege, nor this host's Godwit.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "cmtpd/gwcmtp_mail.h"
#include "cmtpd/gwcmtp_net.h"
#include "cmtpd/gwcmtp_pins.h"
#include "lib/base/cc.h"
#include "lib/base/enc.h"
#include "lib/cmtp/cmtp_put.h"
#include "lib/crypto/cry_ed.h"

enum { FILES_MAX = 100, PATH_BYTES = 4096 };

struct gwcmtp {
	const char		*dir, *server, *from, *subject;
	bool			 accepts;
	const char		*files[FILES_MAX];
	unsigned		 file_count;
	struct gwcmtp_pins	 pins;
	struct gwcmtp_net	 net;
	unsigned char		 server_key[CMTP_KEY_BYTES];
	unsigned char		 user_key[CMTP_KEY_BYTES];
};

/* One address as it stands on the command line. */
struct address {
	char	 user[CMTP_PARAM_MAX + 1];
	char	 domain[CMTP_PARAM_MAX + 1];
};

static int
usage(void)
{
	(void)fputs("usage: gwcmtp [-d dir] [-s server] [--accept] key USER@DOMAIN\n"
	    "       gwcmtp [-d dir] [-s server] [--accept] -f FROM [-S subject] [-a file ...] "
	    "send USER@DOMAIN\n"
	    "       gwcmtp [-d dir] list\n", stderr);
	return EX_USAGE;
}

static int
fault(int code, const char *what, const char *why)
{
	(void)fprintf(stderr, "gwcmtp: %s: %s\n", what, why);
	return code;
}

static int
exit_of(enum err e)
{
	static const struct {
		enum err	 e;
		int		 code;
	} map[] = {
		{ ERR_OK, EX_OK }, { ERR_NOTFOUND, EX_NOHOST }, { ERR_GONE, EX_TEMPFAIL },
		{ ERR_AGAIN, EX_TEMPFAIL }, { ERR_SYNTAX, EX_PROTOCOL },
		{ ERR_UNSUPPORTED, EX_PROTOCOL }, { ERR_CORRUPT, EX_PROTOCOL },
		{ ERR_TOOBIG, EX_DATAERR }, { ERR_LIMIT, EX_DATAERR }, { ERR_STATE, EX_USAGE },
	};

	for (size_t i = 0; i < lengthof(map); i++)
		if (map[i].e == e)
			return map[i].code;
	return EX_OSERR;
}

static int
net_fault(const struct gwcmtp *g, enum err e)
{
	(void)fprintf(stderr, "gwcmtp: %s\n", g->net.why);
	return exit_of(e);
}

/* Spaces and control characters would not be a name in the file of keys. */
static bool
read_address(struct address *a, const char *text)
{
	struct slice s = slice_str(text);
	size_t at = slice_rfind(s, '@');

	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
			return false;
	return at > 0 && at < s.n && at + 1 < s.n &&
	    slice_to_cstr(slice_head(s, at), a->user, sizeof(a->user)) &&
	    slice_to_cstr(slice_from(s, at + 1), a->domain, sizeof(a->domain));
}

/* ---- keys ---- */

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
		return fault(EX_NOPERM, name, "the key is another than it was; "
		    "ask its owner, then --accept");
	}
	if (is != GWCMTP_PIN_SAME)
		e = gwcmtp_pins_put(&g->pins, slice_str(name), key);
	if (e != ERR_OK)
		return fault(EX_CANTCREAT, g->dir, err_text(e));
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
		return fault(EX_USAGE, name, "no address");
	}
	if ((e = gwcmtp_net_write(&g->net, buf_slice(&b))) == ERR_OK)
		e = gwcmtp_net_read(&g->net, CMTP_REPLY_KEY, &r);
	buf_fini(&b);
	if (e != ERR_OK)
		return net_fault(g, e);
	if (r.is_failure)
		return fault(EX_NOUSER, name, "the server gives no key");
	memcpy(key, r.signed_bytes.p, CMTP_KEY_BYTES);
	if (params[0].n == 0)
		memcpy(g->server_key, key, CMTP_KEY_BYTES);
	if (cry_ed_verify((const unsigned char *)r.sig.p, r.signed_bytes, g->server_key) != ERR_OK)
		return fault(EX_PROTOCOL, name, "the server's signature is wrong");
	return EX_OK;
}

static int
get_keys(struct gwcmtp *g, const char *text, struct address *a, bool shows)
{
	char name[GWCMTP_PIN_NAME_MAX + 1];
	const struct slice server[2] = { SLICE_NONE, SLICE_NONE };
	struct slice user[2];
	enum err e;
	int code;

	if (!read_address(a, text))
		return fault(EX_USAGE, text, "no address");
	user[0] = slice_str(a->user);
	user[1] = slice_str(a->domain);
	if ((e = gwcmtp_net_open(&g->net, a->domain, g->server)) != ERR_OK)
		return net_fault(g, e);
	(void)snprintf(name, sizeof(name), "@%s", a->domain);
	if ((code = ask_key(g, name, server, g->server_key)) == EX_OK)
		code = take_key(g, name, g->server_key, shows);
	(void)snprintf(name, sizeof(name), "%s@%s", a->user, a->domain);
	if (code == EX_OK && (code = ask_key(g, name, user, g->user_key)) == EX_OK)
		code = take_key(g, name, g->user_key, shows);
	return code;
}

static int
do_key(struct gwcmtp *g, const char *text)
{
	struct address a;

	return get_keys(g, text, &a, true);
}

static int
do_list(const struct gwcmtp *g)
{
	struct slice all = buf_slice(&g->pins.text);

	return fwrite(all.p, 1, all.n, stdout) == all.n ? EX_OK : EX_IOERR;
}

/* ---- mail ---- */

static enum err
read_fd(int fd, struct buf *b)
{
	ssize_t n;
	char *at;

	while ((at = buf_reserve(b, 65536)) != NULL) {
		do
			n = read(fd, at, 65536);
		while (n < 0 && errno == EINTR);
		if (n <= 0)
			return n == 0 ? ERR_OK : err_from_errno(errno);
		buf_commit(b, (size_t)n);
	}
	return ERR_TOOBIG;
}

static int
put_file(struct buf *out, const struct gwcmtp *g, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct buf data;
	enum err e;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fault(EX_NOINPUT, path, strerror(errno));
	buf_init(&data, GWCMTP_MAIL_MAX + 65536);
	if ((e = read_fd(fd, &data)) == ERR_OK)
		e = gwcmtp_mail_put_attachment(out, g->user_key,
		    slice_str(slash != NULL ? slash + 1 : path), buf_slice(&data));
	buf_fini(&data);
	(void)close(fd);
	return e == ERR_OK ? EX_OK : fault(exit_of(e), path, err_text(e));
}

static int
make(struct gwcmtp *g, const struct slice params[CMTP_PARAMS_MAX], struct slice text,
    struct buf *out)
{
	const struct cmtp_letter letter = { .time_s = (uint32_t)time(NULL),
	    .subject = slice_str(g->subject), .text = text };
	enum err e = gwcmtp_mail_put(out, params, g->user_key, &letter, g->file_count);
	int code = e == ERR_OK ? EX_OK : fault(e == ERR_SYNTAX ? EX_USAGE : exit_of(e), "message",
	    e == ERR_SYNTAX ? "a subject or an address that cannot be sent" : err_text(e));

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
		return net_fault(g, e);
	if (cry_ed_verify((const unsigned char *)r.sig.p, r.signed_bytes, g->server_key) != ERR_OK)
		return fault(EX_PROTOCOL, to, "the server's signature is wrong");
	return r.is_failure ? fault(EX_UNAVAILABLE, to, "the server does not take the message") :
	    EX_OK;
}

static int
do_send(struct gwcmtp *g, const char *to)
{
	struct address a, from;
	struct buf text, out;
	enum err e;
	int code;

	if (g->from == NULL || !read_address(&from, g->from))
		return usage();
	buf_init(&text, GWCMTP_MAIL_MAX + 65536);
	buf_init(&out, GWCMTP_MAIL_MAX + (1u << 20));
	if ((e = read_fd(STDIN_FILENO, &text)) != ERR_OK)
		code = fault(exit_of(e), "standard input", err_text(e));
	else if ((code = get_keys(g, to, &a, false)) == EX_OK) {
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

/* ---- main ---- */

static int
run(struct gwcmtp *g, int argc, char *argv[])
{
	enum err e;
	int code;

	if (argc == 0 || argc != (strcmp(argv[0], "list") == 0 ? 1 : 2))
		return usage();
	if ((e = gwcmtp_pins_load(&g->pins, g->dir)) != ERR_OK) {
		gwcmtp_pins_fini(&g->pins);
		return fault(EX_CONFIG, g->dir, err_text(e));
	}
	gwcmtp_net_init(&g->net);
	if (strcmp(argv[0], "list") == 0)
		code = do_list(g);
	else if (strcmp(argv[0], "key") == 0)
		code = do_key(g, argv[1]);
	else if (strcmp(argv[0], "send") == 0)
		code = do_send(g, argv[1]);
	else
		code = usage();
	gwcmtp_net_fini(&g->net);
	gwcmtp_pins_fini(&g->pins);
	return code;
}

static bool
read_options(struct gwcmtp *g, int argc, char *argv[], int *code)
{
	static const struct option options[] = {
		{ "accept", no_argument, NULL, 'A' }, { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' }, { NULL, 0, NULL, 0 }
	};
	int opt;

	*code = EX_USAGE;
	while ((opt = getopt_long(argc, argv, "d:s:f:S:a:", options, NULL)) != -1) {
		if (opt == 'd')
			g->dir = optarg;
		else if (opt == 's')
			g->server = optarg;
		else if (opt == 'f')
			g->from = optarg;
		else if (opt == 'S')
			g->subject = optarg;
		else if (opt == 'A')
			g->accepts = true;
		else if (opt == 'a' && g->file_count < FILES_MAX)
			g->files[g->file_count++] = optarg;
		else if (opt == 'V') {
			(void)puts("gwcmtp " GODWIT_VERSION);
			*code = EX_OK;
			return false;
		} else {
			*code = opt == 'a' ? fault(EX_USAGE, optarg, "too many files") : usage();
			return false;
		}
	}
	return true;
}

int
main(int argc, char *argv[])
{
	static struct gwcmtp g = { .subject = "" };
	static char dir[PATH_BYTES];
	const char *home = getenv("HOME");
	int code;

	(void)signal(SIGPIPE, SIG_IGN);
	if (!read_options(&g, argc, argv, &code))
		return code;
	if (g.dir == NULL) {
		(void)snprintf(dir, sizeof(dir), "%s/.gwcmtp", home != NULL ? home : ".");
		g.dir = dir;
	}
	cry_init();
	return run(&g, argc - optind, argv + optind);
}
