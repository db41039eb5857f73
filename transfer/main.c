/* SPDX-License-Identifier: ISC */
/*
 * transfer: what does the work of gwuser export and import.  gwuser gives it
 * a session of imapd on descriptor 3 and a pipe on 4: who to log in as, with
 * what, and the password of the other server, a line each.
 *
 * Everything is opened first: the file or directory, the connection, the CA
 * certificates.  Then it locks itself in, with that directory and no network,
 * and only then looks at a byte that somebody else wrote.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/err_passes.h"
#include "lib/base/must.h"
#include "lib/crypto/cry.h"
#include "lib/io/loop.h"
#include "lib/io/tls_client.h"
#include "lib/sys/fd.h"
#include "lib/sys/jail.h"
#include "lib/sys/sandbox_landlock.h"
#include "lib/sys/sandbox_seccomp.h"
#include "lib/imap/imap_client.h"
#include "transfer/imap_sink.h"
#include "transfer/account_source.h"
#include "transfer/mail_move.h"
#include "lib/imap/mail_place.h"
#include "transfer/maildir_sink.h"
#include "transfer/maildir_source.h"
#include "transfer/mbox_sink.h"
#include "transfer/mbox_source.h"

enum { SESSION_FD = 3, SECRETS_FD = 4, SECRETS_MAX = 8192, NOBODY = 65534, DIAL_MS = 60000 };

struct options {
	bool		 is_import;
	bool		 is_mbox;	/* what export writes */
	bool		 dry, new_uids, skip_large;
	const char	*ca, *user, *into, *where;
};

struct transfer {
	struct options		 o;
	struct mail_place	 place;
	struct mail_report	 report;
	struct loop		*loop;
	struct tls_client_ctx	*tls;
	struct buf		 ca;
	struct buf		 secrets;
	struct slice		 login, password, remote_password;
	int			 dir, file;	/* -1: none */
	int			 remote;	/* socket */
	struct imap_sink_options sink;
};

/* ---- before the jail ---- */

static int
usage(void)
{
	(void)fputs("transfer is started by gwuser export and gwuser import\n", stderr);
	return EX_USAGE;
}

static bool
read_options(struct options *o, int argc, char *argv[])
{
	static const struct option names[] = {
		{ "dry-run", no_argument, NULL, 'n' }, { "format", required_argument, NULL, 'f' },
		{ "ca", required_argument, NULL, 'C' }, { "user", required_argument, NULL, 'u' },
		{ "into", required_argument, NULL, 'i' }, { "new-uids", no_argument, NULL, 'U' },
		{ "skip-large", no_argument, NULL, 's' }, { NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "n", names, NULL)) != -1) {
		if (c == 'n')
			o->dry = true;
		else if (c == 'f' && (strcmp(optarg, "mbox") == 0 || strcmp(optarg, "maildir") == 0))
			o->is_mbox = strcmp(optarg, "mbox") == 0;
		else if (c == 'C')
			o->ca = optarg;
		else if (c == 'u')
			o->user = optarg;
		else if (c == 'i')
			o->into = optarg;
		else if (c == 'U')
			o->new_uids = true;
		else if (c == 's')
			o->skip_large = true;
		else
			return false;
	}
	if (argc - optind != 2)
		return false;
	o->is_import = strcmp(argv[optind], "import") == 0;
	o->where = argv[optind + 1];
	return o->is_import || strcmp(argv[optind], "export") == 0;
}

static enum err
read_secrets(struct transfer *t)
{
	struct slice rest;
	ssize_t n;
	char *at;

	buf_init(&t->secrets, SECRETS_MAX);
	t->secrets.secret = true;
	while ((at = buf_reserve(&t->secrets, 1024)) != NULL) {
		n = read(SECRETS_FD, at, 1024);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		buf_commit(&t->secrets, (size_t)n);
	}
	(void)close(SECRETS_FD);
	rest = slice_cut(buf_slice(&t->secrets), '\n', &t->login);
	rest = slice_cut(rest, '\n', &t->password);
	(void)slice_cut(rest, '\n', &t->remote_password);
	return at != NULL && t->login.n > 0 ? ERR_OK : ERR_SYNTAX;
}

/* export: the directory is made; import: a file is an mbox. */
static enum err
open_path(struct transfer *t)
{
	const char *path = t->o.where;
	struct stat st;
	int fd;

	if (!t->o.is_import && !t->o.dry && mkdir(path, 0700) != 0 && errno != EEXIST)
		return mail_report_fault(&t->report, err_from_errno(errno), "%s: %s", path,
		    strerror(errno));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT && !t->o.is_import)
		return ERR_OK;		/* a dry run before there is anything */
	if (fd < 0 || fstat(fd, &st) != 0)
		return mail_report_fault(&t->report, err_from_errno(errno), "%s: %s", path,
		    strerror(errno));
	if (S_ISDIR(st.st_mode))
		t->dir = fd;
	else if (S_ISREG(st.st_mode) && t->o.is_import)
		t->file = fd;
	else {
		(void)close(fd);
		return mail_report_fault(&t->report, ERR_SYNTAX, t->o.is_import ?
		    "%s: neither a directory nor a file" : "%s: not a directory", path);
	}
	return ERR_OK;
}

static enum err
connect_remote(struct transfer *t)
{
	const char *why;
	enum err e = tls_ca_read(&t->ca, t->o.ca != NULL ? t->o.ca : "");

	if (e != ERR_OK)
		return mail_report_fault(&t->report, e, "%s: %s", t->o.ca != NULL ? t->o.ca :
		    "the system's CA certificates", err_text(e));
	t->tls = tls_client_ctx_new(t->loop, 1);
	if (link_dial(t->loop, t->place.host, t->place.port, DIAL_MS, &t->remote, &why) == ERR_OK)
		return ERR_OK;
	return mail_report_fault(&t->report, ERR_GONE, "%s: %s", t->place.host, why);
}

/* ---- the jail ---- */

#ifdef GODWIT_SAN
enum { ONLY_LOG = 1 };		/* sanitizers read /proc, and make other calls */
#else
enum { ONLY_LOG = 0 };
#endif

/* As root: whoever owns the files, else nobody. */
static enum err
become(const struct transfer *t)
{
	struct stat st = { .st_uid = NOBODY, .st_gid = NOBODY };
	int fd = t->dir >= 0 ? t->dir : t->file;
	enum err e;

	if (geteuid() != 0)
		return ERR_OK;
	if (fd >= 0 && fstat(fd, &st) != 0)
		return ERR_SYS;
	/* Some containers do not let us. */
	if ((e = jail_netns()) != ERR_OK && e != ERR_DENIED)
		return e;
	if ((e = jail_bounds()) != ERR_OK && e != ERR_DENIED)
		return e;
	if (st.st_uid == 0)
		return ERR_OK;
	return jail_ids(st.st_uid, st.st_gid != 0 ? st.st_gid : NOBODY);
}

static enum err
confine(const struct transfer *t)
{
	enum err e;

	if ((e = become(t)) != ERR_OK || (e = jail_caps()) != ERR_OK ||
	    (e = jail_limits()) != ERR_OK || (e = jail_no_new_privs()) != ERR_OK)
		return e;
	if (!ONLY_LOG && (e = jail_not_dumpable()) != ERR_OK)
		return e;
	if (!ONLY_LOG && (e = sandbox_landlock(t->dir, false)) != ERR_OK &&
	    e != ERR_UNSUPPORTED)
		return e;
	return sandbox_seccomp(t->dir >= 0 ? SANDBOX_FILES : 0, ONLY_LOG);
}

/* ---- the two ends ---- */

/* In the session of imapd, as the account. */
static enum err
log_in(struct transfer *t, struct imap_client *c)
{
	enum err e = imap_client_greet(c);

	if (e == ERR_OK)
		e = imap_client_login(c, t->login, t->password);
	return e == ERR_OK ? ERR_OK : account_source_fault(&t->report, c, e, "login");
}

static enum err
log_in_remote(struct transfer *t, struct imap_client *c)
{
	struct slice host = slice_str(t->place.host);
	struct slice user = slice_str(t->o.user != NULL ? t->o.user : t->place.user);
	struct tls_demand demand = { .mode = TLS_CHAIN, .min = TLS_MIN_1_2, .sni = host,
		.names = &host, .name_count = 1 };
	unsigned count;
	enum err e = tls_client_ctx_add_ca(t->tls, buf_slice(&t->ca), &count);

	if (e != ERR_OK)
		return mail_report_fault(&t->report, e, "the CA certificates: %s", err_text(e));
	if (t->place.is_implicit && link_tls(c->link, t->tls, &demand) != ERR_OK)
		return mail_report_fault(&t->report, ERR_CRYPTO, "%s: TLS: %s", t->place.host,
		    link_reason(c->link));
	if ((e = imap_client_greet(c)) != ERR_OK)
		return account_source_fault(&t->report, c, e, t->place.host);
	if (!t->place.is_implicit && (e = imap_client_starttls(c, t->tls, &demand)) != ERR_OK)
		return account_source_fault(&t->report, c, e, t->place.host);
	if (!c->is_preauth &&
	    (e = imap_client_login(c, user.n > 0 ? user : t->login, t->remote_password)) != ERR_OK)
		return account_source_fault(&t->report, c, e, t->place.host);
	return ERR_OK;
}

static struct mail_source *
path_source(struct transfer *t)
{
	if (t->file >= 0)
		return mbox_source_new(&t->report, t->file);
	if (mbox_source_has(t->dir))
		return mbox_source_new_dir(&t->report, t->dir);
	return maildir_source_new(&t->report, t->dir);
}

static struct mail_sink *
path_sink(struct transfer *t)
{
	return t->o.is_mbox ? mbox_sink_new(&t->report, t->dir, t->o.dry) :
	    maildir_sink_new(&t->report, t->dir, t->o.dry);
}

/* ---- the whole ---- */

static enum err
move(struct transfer *t, struct mail_source *source, struct mail_sink *sink)
{
	struct mail_move w = { .source = source, .sink = sink, .report = &t->report,
		.loop = t->loop, .dry = t->o.dry, .skip_large = t->o.skip_large };
	enum err e = mail_move(&w);

	mail_report_line(&t->report, "%llu %s, %llu there already, %llu too large, %llu gone meanwhile",
	    (unsigned long long)w.moved, t->o.dry ? "to be moved" : "moved",
	    (unsigned long long)w.there, (unsigned long long)w.large,
	    (unsigned long long)w.gone);
	return e;
}

static enum err
import(struct transfer *t, struct imap_client *here)
{
	struct link *link = t->remote >= 0 ? link_new(t->loop, t->remote) : NULL;
	struct mail_source *source = NULL;
	struct mail_sink *sink = NULL;
	struct imap_client there;
	enum err e = ERR_OK;

	if (link != NULL) {
		imap_client_init(&there, link);
		if ((e = log_in_remote(t, &there)) == ERR_OK)
			source = account_source_new(&t->report, &there);
	} else {
		source = path_source(t);
	}
	if (e == ERR_OK)
		e = log_in(t, here);
	if (e == ERR_OK)
		e = imap_sink_new(&t->report, here, &t->sink, &sink);
	if (e == ERR_OK)
		e = move(t, source, sink);
	if (sink != NULL)
		sink->ops->free(sink);
	if (source != NULL)
		source->ops->free(source);
	if (link != NULL)
		imap_client_fini(&there);
	link_free(&link);
	return e;
}

static enum err
export(struct transfer *t, struct imap_client *here)
{
	enum err e = log_in(t, here);

	if (e == ERR_OK) {
		struct mail_source *source = account_source_new(&t->report, here);
		struct mail_sink *sink = path_sink(t);

		e = move(t, source, sink);
		sink->ops->free(sink);
		source->ops->free(source);
	}
	return e;
}

static enum err
work(struct transfer *t)
{
	struct link *link = link_new(t->loop, SESSION_FD);
	struct imap_client here;
	enum err e;

	imap_client_init(&here, link);
	e = t->o.is_import ? import(t, &here) : export(t, &here);
	imap_client_fini(&here);
	link_free(&link);
	return e;
}

static enum err
prepare(struct transfer *t)
{
	enum err e;

	if (mail_place_parse(&t->place, t->o.where) != ERR_OK ||
	    (t->place.is_url && !t->o.is_import))
		return mail_report_fault(&t->report, ERR_SYNTAX, "%s: not a place for mail",
		    t->o.where);
	if (fd_set_cloexec(SESSION_FD, true) != ERR_OK || read_secrets(t) != ERR_OK)
		return mail_report_fault(&t->report, ERR_SYNTAX, "not started by gwuser");
	cry_init();
	t->loop = loop_new();
	t->sink = (struct imap_sink_options){ t->o.dry, t->o.new_uids, slice_str(t->o.into) };
	if ((e = t->place.is_url ? connect_remote(t) : open_path(t)) != ERR_OK)
		return e;
	if ((e = confine(t)) != ERR_OK)
		return mail_report_fault(&t->report, e, "the sandbox: %s", err_text(e));
	return ERR_OK;
}

static int
exit_code(enum err e)
{
	if (e == ERR_OK)
		return EX_OK;
	if (e == ERR_DENIED)
		return EX_NOPERM;
	if (e == ERR_NOTFOUND)
		return EX_NOINPUT;
	return err_passes(e) ? EX_TEMPFAIL : EX_DATAERR;
}

int
main(int argc, char *argv[])
{
	struct transfer t = { .dir = -1, .file = -1, .remote = -1 };
	enum err e;

	(void)signal(SIGPIPE, SIG_IGN);
	if (!read_options(&t.o, argc, argv))
		return usage();
	mail_report_init(&t.report, "gwuser", isatty(STDERR_FILENO));
	buf_init(&t.ca, TLS_CA_BYTES_MAX);
	e = prepare(&t);
	if (e == ERR_OK)
		e = work(&t);
	if (e != ERR_OK) {
		mail_report_clear(&t.report);
		buf_put_char(&t.report.fault, '\n');
		(void)fprintf(stderr, "gwuser: %s", buf_cstr(&t.report.fault) != NULL ?
		    buf_cstr(&t.report.fault) : err_text(e));
	}
	tls_client_ctx_free(&t.tls);
	loop_free(&t.loop);
	buf_fini(&t.ca);
	buf_fini(&t.secrets);
	mail_report_fini(&t.report);
	fd_close(&t.dir);
	fd_close(&t.file);
	return exit_code(e);
}
