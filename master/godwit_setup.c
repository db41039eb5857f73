/* SPDX-License-Identifier: ISC */
#include "master/godwit_setup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/base/num.h"
#include "lib/base/secret.h"
#include "lib/cmtp/cmtp_wire.h"
#include "lib/conf/conf_sections.h"
#include "lib/crypto/cert_make.h"
#include "lib/sys/fd.h"
#include "lib/sys/path.h"
#include "master/master_paths.h"
#include "master/master_plan.h"
#include "master/master_sections.h"

enum { UID_BASE = 58000, LOCAL_MAX = 22000, ROOT_KEY_BYTES = 32, CONF_BYTES = 8192 };

struct setup {
	const char		*instance;	/* NULL: the installation */
	const char		*domain;
	char			 hostname[256];
	unsigned		 local;		/* 0: the standard ports everywhere */
	uint32_t		 uid_base;
	struct master_paths	 paths;
};

static int PRINTF_LIKE(2, 3)
fail(int code, const char *fmt, ...)
{
	va_list ap;

	fputs("godwit setup: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}

static int
usage(void)
{
	fputs("usage: godwit setup --domain DOMAIN [--instance DIR] [--hostname NAME]\n"
	    "                    [--local BASE] [--uid-base N]\n", stderr);
	return EX_USAGE;
}

static bool
is_domain(const char *name)
{
	const struct opt_section *top = opt_section_find(master_sections, SLICE_LIT("godwit"));
	const struct opt *row = opt_find(top, SLICE_LIT("hostname"));
	struct godwit_options scratch;
	struct buf why;
	bool ok;

	opt_defaults(top, &scratch);
	buf_init(&why, 1024);
	ok = name[0] != '\0' && opt_set(row, &scratch, &name, 1, NULL, &why) == ERR_OK;
	buf_fini(&why);
	opt_free(top, &scratch);
	return ok;
}

/* The flag, else the host's name, else its canonical name. */
static bool
find_hostname(struct setup *s, const char *flag)
{
	const struct addrinfo hints = { .ai_flags = AI_CANONNAME };
	struct addrinfo *ai = NULL;

	if (flag != NULL)
		return snprintf(s->hostname, sizeof(s->hostname), "%s", flag) <
		    (int)sizeof(s->hostname);
	if (gethostname(s->hostname, sizeof(s->hostname) - 1) != 0)
		return false;
	s->hostname[sizeof(s->hostname) - 1] = '\0';
	if (strchr(s->hostname, '.') == NULL &&
	    getaddrinfo(s->hostname, NULL, &hints, &ai) == 0) {
		if (ai->ai_canonname != NULL)
			snprintf(s->hostname, sizeof(s->hostname), "%s", ai->ai_canonname);
		freeaddrinfo(ai);
	}
	return true;
}

static int
parse_args(struct setup *s, int argc, char *argv[])
{
	static const struct option options[] = {
		{ "instance", required_argument, NULL, 'i' },
		{ "domain", required_argument, NULL, 'd' },
		{ "hostname", required_argument, NULL, 'h' },
		{ "local", required_argument, NULL, 'l' },
		{ "uid-base", required_argument, NULL, 'u' },
		{ NULL, 0, NULL, 0 }
	};
	const char *hostname = NULL;
	uint64_t n;
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'i':
			s->instance = optarg;
			break;
		case 'd':
			s->domain = optarg;
			break;
		case 'h':
			hostname = optarg;
			break;
		case 'l':
			if (num_parse_u64(slice_str(optarg), LOCAL_MAX, &n) != ERR_OK || n == 0)
				return fail(EX_USAGE, "--local %s: allowed: 1 to %d", optarg,
				    LOCAL_MAX);
			s->local = (unsigned)n;
			break;
		case 'u':
			if (num_parse_u64(slice_str(optarg), 4000000000, &n) != ERR_OK || n == 0)
				return fail(EX_USAGE, "--uid-base %s: allowed: 1 to 4000000000",
				    optarg);
			s->uid_base = (uint32_t)n;
			break;
		default:
			return usage();
		}
	}
	if (optind != argc || s->domain == NULL)
		return usage();
	if (!is_domain(s->domain) || strchr(s->domain, '.') == NULL)
		return fail(EX_USAGE, "--domain %s: allowed: a domain name, e.g. example.net",
		    s->domain);
	if (!find_hostname(s, hostname) || strchr(s->hostname, '.') == NULL ||
	    !is_domain(s->hostname))
		return fail(EX_USAGE, "the name of this host, \"%s\", is no full name; "
		    "say --hostname, e.g. mx1.%s", s->hostname, s->domain);
	return EX_OK;
}

static int
make_file(const char *dir, const char *name, mode_t mode, struct slice text)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return fail(EX_CANTCREAT, "%s: path too long", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return fail(errno == EEXIST ? EX_CANTCREAT : EX_IOERR, "%s: %s", path,
		    strerror(errno));
	if (fchmod(fd, mode) != 0 || fd_write_all(fd, text.p, text.n) != ERR_OK ||
	    fsync(fd) != 0) {
		close(fd);
		return fail(EX_IOERR, "%s: %s", path, strerror(errno));
	}
	close(fd);
	return EX_OK;
}

static int
make_dir(const char *path, mode_t mode, uint32_t uid)
{
	int fd = -1, code = EX_OK;

	/* The folders above are everybody's to pass.  The mode by descriptor: what
	 * else may write beside it must not turn root elsewhere. */
	if (path_make_all(path, 0755) != ERR_OK ||
	    (fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0 ||
	    fchmod(fd, mode) != 0 || (uid != 0 && fchown(fd, uid, uid) != 0))
		code = fail(errno == EACCES || errno == EPERM ? EX_NOPERM : EX_IOERR, "%s: %s",
		    path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return code;
}

/* The owner of a data directory; 0: whoever runs this. */
static int
owner_of(const struct setup *s, enum ipc_role role, uint32_t *uid)
{
	const struct plan_role *r = plan_role_find(role);
	const struct passwd *pw;
	char name[64];

	*uid = 0;
	if (geteuid() != 0)
		return EX_OK;
	*uid = s->uid_base + r->uid_offset;
	if (s->uid_base != 0)
		return EX_OK;
	snprintf(name, sizeof(name), "_godwit-%s", r->name);
	pw = getpwnam(name);
	if (pw == NULL)
		return fail(EX_NOUSER, "user %s does not exist; the package makes it, or say "
		    "--uid-base", name);
	*uid = pw->pw_uid;
	return EX_OK;
}

static int
make_dirs(const struct setup *s)
{
	const struct {
		const char	*path;
		mode_t		 mode;
		enum ipc_role	 owner;
	} dirs[] = {
		{ s->paths.config, 0755, IPC_NOBODY },
		{ s->paths.run, 0755, IPC_NOBODY },
		{ s->paths.empty, 0555, IPC_NOBODY },
		{ s->paths.keys, 0700, IPC_KEYD },
		{ s->paths.spool, 0700, IPC_QUEUE },
		{ s->paths.mail, 0700, IPC_STORE },
	};
	char log[PATH_MAX], *slash;
	uint32_t uid = 0;
	int code = EX_OK;

	for (size_t i = 0; i < lengthof(dirs) && code == EX_OK; i++) {
		uid = 0;
		if (dirs[i].owner != IPC_NOBODY)
			code = owner_of(s, dirs[i].owner, &uid);
		if (code == EX_OK)
			code = make_dir(dirs[i].path, dirs[i].mode, uid);
	}
	/* Of an installation: where godwit start writes it. */
	snprintf(log, sizeof(log), "%s", s->paths.is_instance ? s->paths.log :
	    GODWIT_LOCALSTATEDIR "/log/godwit.log");
	slash = strrchr(log, '/');
	if (code == EX_OK && slash != NULL) {
		*slash = '\0';
		code = make_dir(log, 0755, 0);
	}
	return code;
}

static bool
has_ipv6_loopback(void)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static void
put_listen(struct buf *b, const struct setup *s, const char *title, const char *service,
    unsigned port, const char *tls)
{
	buf_printf(b, "listen \"%s\" { service = %s  address = {\"127.0.0.1:%u\"", title,
	    service, s->local + port);
	if (has_ipv6_loopback())
		buf_printf(b, ", \"[::1]:%u\"", s->local + port);
	buf_printf(b, "}  tls = %s }\n", tls);
}

static void
put_config(struct buf *b, const struct setup *s)
{
	buf_put_str(b, "# Made by godwit setup, see godwit.conf(5). Only what differs from the "
	    "defaults stands here.\n"
	    "# Times: s m h d w.  Sizes: K M G (1024).  Relative paths start at this file's "
	    "directory.\n\n");
	buf_printf(b, "hostname = \"%s\"\n", s->hostname);
	if (s->uid_base != 0)
		buf_printf(b, "uid_base = %u\n", s->uid_base);
	buf_put_str(b, "\ntls {\n    certificate = \"certificate.pem\"\n"
	    "    key         = \"key.pem\"\n}\n\n");
	if (s->local != 0) {
		put_listen(b, s, "mx", "smtp", 25, "may");
		put_listen(b, s, "submission", "submission", 587, "required");
		put_listen(b, s, "submissions", "submission", 465, "implicit");
		put_listen(b, s, "imap", "imap", 143, "required");
		put_listen(b, s, "imaps", "imap", 993, "implicit");
		put_listen(b, s, "cmtp", "cmtp", CMTP_PORT, "no");
		buf_put_char(b, '\n');
	}
	buf_printf(b, "domain \"%s\" { class = mailbox }\n", s->domain);
}

static int
make_root_key(const struct setup *s)
{
	unsigned char key[ROOT_KEY_BYTES];
	struct buf text;
	int code = EX_OSERR;

	buf_init(&text, 128);
	if (getrandom(key, sizeof(key), 0) == (ssize_t)sizeof(key)) {
		enc_put_hex(&text, slice_of(key, sizeof(key)));
		buf_put_char(&text, '\n');
		code = make_file(s->paths.config, "root.key", 0600, buf_slice(&text));
	}
	secret_wipe(key, sizeof(key));
	buf_wipe(&text);
	buf_fini(&text);
	return code;
}

static int
make_certificate(const struct setup *s)
{
	const char *const names[] = { s->domain, s->local != 0 ? "localhost" : NULL, NULL };
	struct buf cert, key;
	int code = EX_SOFTWARE;

	buf_init(&cert, 65536);
	buf_init(&key, 65536);
	if (cert_make(s->hostname, names, &cert, &key) == ERR_OK) {
		code = make_file(s->paths.config, "certificate.pem", 0644, buf_slice(&cert));
		if (code == EX_OK)
			code = make_file(s->paths.config, "key.pem", 0600, buf_slice(&key));
	} else
		(void)fail(code, "no certificate could be made");
	buf_fini(&cert);
	buf_wipe(&key);
	buf_fini(&key);
	return code;
}

static int
make_files(const struct setup *s)
{
	struct buf text;
	int code = make_root_key(s);

	if (code == EX_OK)
		code = make_certificate(s);
	if (code != EX_OK)
		return code;
	/* Last: an instance is complete when it has one. */
	buf_init(&text, CONF_BYTES);
	put_config(&text, s);
	code = make_file(s->paths.config, CONF_FILE_NAME, 0644, buf_slice(&text));
	buf_fini(&text);
	return code;
}

static void
print_record(const char *name, const char *domain, const char *type, const char *data)
{
	char owner[512];

	snprintf(owner, sizeof(owner), "%s%s.", name, domain);
	printf("%-36s %-4s %s\n", owner, type, data);
}

/* RFC 5321 s5.1, RFC 7208, RFC 7489; services: RFC 6186 s3, RFC 8314 s5.1. */
static void
print_records(const struct setup *s)
{
	static const struct {
		const char	*name;
		unsigned	 priority;
		unsigned	 port;
	} srv[] = {
		{ "_submissions._tcp.", 0, 465 }, { "_submission._tcp.", 10, 587 },
		{ "_imaps._tcp.", 0, 993 }, { "_imap._tcp.", 10, 143 },
	};
	char data[512];

	snprintf(data, sizeof(data), "10 %s.", s->hostname);
	print_record("", s->domain, "MX", data);
	print_record("", s->domain, "TXT", "\"v=spf1 mx -all\"");
	snprintf(data, sizeof(data), "\"v=DMARC1; p=quarantine; rua=mailto:postmaster@%s\"",
	    s->domain);
	print_record("_dmarc.", s->domain, "TXT", data);
	for (size_t i = 0; i < lengthof(srv); i++) {
		snprintf(data, sizeof(data), "%u 1 %u %s.", srv[i].priority,
		    srv[i].port + s->local, s->hostname);
		print_record(srv[i].name, s->domain, "SRV", data);
	}
}

/* realpath(3) of the new configuration directory needs it to be there. */
static int
find_paths(struct setup *s)
{
	char config[PATH_MAX];
	const char *dir = s->instance;
	char cwd[PATH_MAX] = "";
	int code;

	if (dir == NULL)
		snprintf(config, sizeof(config), "%s", GODWIT_SYSCONFDIR);
	else {
		if (dir[0] != '/' && getcwd(cwd, sizeof(cwd)) == NULL)
			return fail(EX_IOERR, "current directory: %s", strerror(errno));
		if (snprintf(config, sizeof(config), "%s%s%s/etc", cwd,
		    cwd[0] != '\0' ? "/" : "", dir) >= (int)sizeof(config))
			return fail(EX_USAGE, "%s: path too long", dir);
	}
	code = make_dir(config, 0755, 0);
	if (code != EX_OK)
		return code;
	if (master_paths_init(&s->paths, config) != ERR_OK)
		return fail(EX_IOERR, "%s: path too long", config);
	if (snprintf(config, sizeof(config), "%s/" CONF_FILE_NAME, s->paths.config) >=
	    (int)sizeof(config))
		return fail(EX_USAGE, "%s: path too long", s->paths.config);
	if (access(config, F_OK) == 0)
		return fail(EX_CANTCREAT, "%s exists already", config);
	return EX_OK;
}

int
godwit_setup(int argc, char *argv[])
{
	struct setup s = { .instance = NULL };
	int code = parse_args(&s, argc, argv);

	if (code != EX_OK)
		return code;
	if (geteuid() != 0)
		s.uid_base = 0;
	else if (s.instance != NULL && s.uid_base == 0)
		s.uid_base = UID_BASE;
	code = find_paths(&s);
	if (code == EX_OK)
		code = make_dirs(&s);
	if (code == EX_OK)
		code = make_files(&s);
	if (code == EX_OK)
		print_records(&s);
	return code;
}
