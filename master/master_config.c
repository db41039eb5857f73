/* SPDX-License-Identifier: ISC */
#include "master/master_config.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imapd/imapd_opt.h"
#include "lib/base/must.h"
#include "lib/conf/conf_map.h"
#include "lib/conf/conf_sections.h"
#include "lib/conf/opt_net.h"
#include "lib/mail/addr.h"
#include "lib/mail/dsn_template.h"
#include "lib/sys/fd.h"
#include "master/master_routes.h"
#include "master/master_sections.h"
#include "queue/queue_opt.h"

struct check {
	struct conf			*conf;
	const struct master_paths	*paths;
	struct buf			*errors;
	struct buf			*warnings;
	bool				 opens_files;
};

static const struct {
	const char		*title;
	enum conf_service	 service;
	enum conf_tls		 tls;
	const char		*address;
} built_in[] = {
	{ "mx", CONF_SERVICE_SMTP, CONF_TLS_MAY, "*:25" },
	{ "submission", CONF_SERVICE_SUBMISSION, CONF_TLS_REQUIRED, "*:587" },
	{ "submissions", CONF_SERVICE_SUBMISSION, CONF_TLS_IMPLICIT, "*:465" },
	{ "imap", CONF_SERVICE_IMAP, CONF_TLS_REQUIRED, "*:143" },
	{ "imaps", CONF_SERVICE_IMAP, CONF_TLS_IMPLICIT, "*:993" },
	{ "cmtp", CONF_SERVICE_CMTP, CONF_TLS_NO, "*:9001" },
};

/* The value of a row that is known to be good. */
static void
set(struct conf_section *s, const char *name, const char *value)
{
	const struct opt *o = opt_find(s->def, slice_str(name));
	struct buf why;

	buf_init(&why, 1024);
	if (o != NULL)
		(void)!opt_set(o, s->values, &value, 1, NULL, &why);
	buf_fini(&why);
}

static void
add_built_in(struct conf *c)
{
	const struct opt_section *def = opt_section_find(master_sections, SLICE_LIT("listen"));

	if (conf_count(c, "listen") > 0)
		return;
	for (size_t i = 0; i < lengthof(built_in); i++) {
		struct conf_section *s = conf_add(c, def, built_in[i].title);
		struct listen_options *l = s->values;

		set(s, "address", built_in[i].address);
		l->service = built_in[i].service;
		l->tls = built_in[i].tls;
	}
}

void
master_config_hostname(const struct conf *c, char dst[256])
{
	const struct godwit_options *o = conf_values(c, "godwit");
	const struct addrinfo hints = { .ai_flags = AI_CANONNAME };
	struct addrinfo *ai = NULL;

	snprintf(dst, 256, "%s", o->hostname);
	if (dst[0] != '\0')
		return;
	if (gethostname(dst, 255) != 0)
		dst[0] = '\0';
	dst[255] = '\0';
	if (strchr(dst, '.') == NULL && getaddrinfo(dst, NULL, &hints, &ai) == 0) {
		if (ai->ai_canonname != NULL)
			snprintf(dst, 256, "%s", ai->ai_canonname);
		freeaddrinfo(ai);
	}
	if (strchr(dst, '.') == NULL)
		dst[0] = '\0';
}

static void
check_hostname(struct check *k)
{
	struct conf_section *s = conf_find(k->conf, "godwit", 0);
	struct godwit_options *o = s->values;
	char name[256];

	master_config_hostname(k->conf, name);
	if (strchr(name, '.') == NULL)
		conf_fault(k->errors, s, "hostname",
		    "no full name, and that of the host has no dot; allowed: a host name, "
		    "e.g. mx1.example.net");
	else if (o->hostname[0] == '\0')
		set(s, "hostname", name);
}

/* Is path inside dir?  Both absolute; as written. */
static bool
is_inside(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static void
check_file(struct check *k, const struct conf_section *s, const char *option, const char *path)
{
	if (k->opens_files && path[0] != '\0' && access(path, R_OK) != 0)
		conf_fault(k->errors, s, option, "%s cannot be read: %s; allowed: a file that "
		    "can", path, strerror(errno));
}

static void
check_root_key(struct check *k)
{
	struct conf_section *s = conf_find(k->conf, "godwit", 0);
	const struct godwit_options *o = s->values;
	const char *const dirs[] = { k->paths->spool, k->paths->mail, k->paths->keys };
	char real[PATH_MAX];

	if (o->key_root != CONF_KEY_ROOT_FILE)
		return;
	check_file(k, s, "key_root_file", o->key_root_file);
	if (realpath(o->key_root_file, real) == NULL)
		snprintf(real, sizeof(real), "%s", o->key_root_file);
	for (size_t i = 0; i < lengthof(dirs); i++) {
		if (is_inside(real, dirs[i]))
			conf_fault(k->errors, s, "key_root_file",
			    "inside a data directory, so that a backup would hold both; "
			    "allowed: a path outside %s", dirs[i]);
	}
}

static void
check_tls(struct check *k)
{
	struct conf_section *s = conf_find(k->conf, "tls", 0);
	const struct tls_options *o = s->values;

	if (o->certificate[0] != '\0' && o->key[0] == '\0')
		conf_fault(k->errors, s, "key", "missing; allowed: the file of the key that "
		    "belongs to certificate");
	if (o->key[0] != '\0' && o->certificate[0] == '\0')
		conf_fault(k->errors, s, "certificate", "missing; allowed: the file of the "
		    "certificate that belongs to key");
	check_file(k, s, "certificate", o->certificate);
	check_file(k, s, "key", o->key);
	check_file(k, s, "client_ca", o->client_ca);
}

static void
check_listen(struct check *k, const struct conf_section *s)
{
	const struct listen_options *l = s->values;
	const struct tls_options *tls = conf_values(k->conf, "tls");
	bool logs_in = l->service == CONF_SERVICE_SUBMISSION || l->service == CONF_SERVICE_IMAP;

	if (logs_in && l->tls == CONF_TLS_NO)
		conf_fault(k->errors, s, "tls", "nobody can log in without TLS; allowed: may, "
		    "required, implicit");
	if (l->service == CONF_SERVICE_CMTP && l->tls != CONF_TLS_NO && l->tls != CONF_TLS_IMPLICIT)
		conf_fault(k->errors, s, "tls", "CMTP has no STARTTLS; allowed: no, implicit");
	else if (l->tls != CONF_TLS_NO && tls->certificate[0] == '\0')
		conf_fault(k->errors, s, "tls", "there is no certificate; allowed: no, or a "
		    "section tls with certificate and key");
	if (l->client_certificate != CONF_CLIENT_CERTIFICATE_NO && !logs_in)
		conf_fault(k->errors, s, "client_certificate", "nobody logs in here; allowed: no");
	else if (l->client_certificate == CONF_CLIENT_CERTIFICATE_YES && tls->client_ca[0] == '\0')
		conf_fault(k->errors, s, "client_certificate", "there is no client_ca in section "
		    "tls; allowed: no, any");
	if (l->cmtp == CONF_CMTP_YES && l->service != CONF_SERVICE_SMTP)
		conf_fault(k->errors, s, "cmtp", "only SMTP changes to CMTP; allowed: auto, no");
	if (l->proxy_protocol.n > 0)
		conf_fault(k->errors, s, "proxy_protocol", "not served by this version; "
		    "allowed: nothing");
}

/* "*" takes every address of its port. */
static bool
is_same_address(const struct opt_net_addr *a, const struct opt_net_addr *b)
{
	if (a->port != b->port)
		return false;
	if (a->host == OPT_NET_ANY || b->host == OPT_NET_ANY)
		return true;
	return a->host == b->host && memcmp(a->addr, b->addr, sizeof(a->addr)) == 0;
}

static void
check_address(struct check *k, const struct conf_section *s, size_t before, const char *text)
{
	struct opt_net_addr mine, other;

	if (opt_net_parse_addr(slice_str(text), &mine) != ERR_OK)
		return;
	for (size_t i = 0; i < before; i++) {
		const struct conf_section *t = conf_find(k->conf, "listen", i);
		const struct listen_options *l = t->values;

		for (uint32_t j = 0; j < l->address.n; j++) {
			if (opt_net_parse_addr(slice_str(l->address.v[j]), &other) != ERR_OK ||
			    !is_same_address(&mine, &other))
				continue;
			conf_fault(k->errors, s, "address", "%s is taken by listen \"%s\"; "
			    "allowed: an address and port of its own", text, t->title);
			return;
		}
	}
}

static void
check_listens(struct check *k)
{
	const struct conf_section *s;

	for (size_t i = 0; (s = conf_find(k->conf, "listen", i)) != NULL; i++) {
		const struct listen_options *l = s->values;

		check_listen(k, s);
		for (uint32_t j = 0; j < l->address.n; j++)
			check_address(k, s, i, l->address.v[j]);
	}
}

static const struct conf_section *
find_domain(const struct check *k, const char *name, size_t before)
{
	const struct conf_section *s;

	for (size_t i = 0; i < before && (s = conf_find(k->conf, "domain", i)) != NULL; i++) {
		if (slice_ieq(slice_str(s->title), slice_str(name)))
			return s;
	}
	return NULL;
}

static bool
is_mailbox_domain(const struct check *k, const char *name)
{
	const struct conf_section *s = find_domain(k, name, SIZE_MAX);

	return s != NULL &&
	    ((const struct domain_options *)s->values)->class == CONF_CLASS_MAILBOX;
}

static void
check_domain_title(struct check *k, const struct conf_section *s, size_t idx)
{
	const struct opt_section *top = opt_section_find(master_sections, SLICE_LIT("godwit"));
	const struct opt *row = opt_find(top, SLICE_LIT("hostname"));
	struct godwit_options scratch;
	const char *title = s->title;
	struct buf why;

	opt_defaults(top, &scratch);
	buf_init(&why, 1024);
	if (title[0] == '\0')
		conf_fault(k->errors, s, NULL, "name missing; allowed: a domain name");
	else if (opt_set(row, &scratch, &title, 1, NULL, &why) != ERR_OK)
		conf_fault(k->errors, s, NULL, "%s", buf_cstr(&why));
	else if (find_domain(k, title, idx) != NULL)
		conf_fault(k->errors, s, NULL, "domain given twice; allowed: each once, in "
		    "either case");
	buf_fini(&why);
	opt_free(top, &scratch);
}

/* A table is a file of queue's that gwmap makes; it is there or not. */
static void
check_table(struct check *k, const struct conf_section *s, const char *option,
    const char *text)
{
	char file[CONF_MAP_FILE_MAX], path[2 * PATH_MAX];
	struct slice name;
	enum err e;

	if (text[0] == '\0')
		return;
	if ((e = conf_map_parse(slice_str(text), &name)) != ERR_OK) {
		conf_fault(k->errors, s, option, "%s; allowed: " CONF_MAP_ALLOWED, err_text(e));
		return;
	}
	conf_map_file(name, file);
	(void)snprintf(path, sizeof(path), "%s/" CONF_MAP_DIR "/%s", k->paths->spool, file);
	if (k->opens_files && access(path, F_OK) != 0 && errno == ENOENT)
		conf_fault(k->warnings, s, option, "the table is not built, so that mail waits; "
		    "run: gwmap %s", text);
}

static void
check_domain(struct check *k, const struct conf_section *s)
{
	const struct domain_options *d = s->values;

	check_table(k, s, "aliases", d->aliases);
	check_table(k, s, "recipients", d->recipients);
	if (d->recipients[0] != '\0' && d->class != CONF_CLASS_RELAY)
		conf_fault(k->errors, s, "recipients", "not a domain of class relay; allowed: "
		    "nothing");

	if (d->class == CONF_CLASS_ALIAS && d->target[0] == '\0')
		conf_fault(k->errors, s, "target", "missing; allowed: a domain of class mailbox");
	if (d->class != CONF_CLASS_ALIAS && d->target[0] != '\0')
		conf_fault(k->errors, s, "target", "not a domain of class alias; allowed: "
		    "nothing");
	if (d->class == CONF_CLASS_ALIAS && d->target[0] != '\0' &&
	    !is_mailbox_domain(k, d->target))
		conf_fault(k->errors, s, "target", "no such domain; allowed: a domain of class "
		    "mailbox");
}

static void
check_domains(struct check *k)
{
	struct conf_section *top = conf_find(k->conf, "godwit", 0);
	const struct godwit_options *o = top->values;
	const struct conf_section *s;

	for (size_t i = 0; (s = conf_find(k->conf, "domain", i)) != NULL; i++) {
		check_domain_title(k, s, i);
		check_domain(k, s);
		if (o->default_domain[0] == '\0' &&
		    ((const struct domain_options *)s->values)->class == CONF_CLASS_MAILBOX)
			set(top, "default_domain", s->title);
	}
	if (o->default_domain[0] != '\0' && !is_mailbox_domain(k, o->default_domain))
		conf_fault(k->errors, top, "default_domain", "no such domain; allowed: a domain "
		    "of class mailbox");
}

/* RFC 5464 s3.2.1.1: a URI; its scheme is looked at (RFC 3986 s3.1). */
static bool
is_uri(struct slice text)
{
	size_t colon = slice_find(text, ':');

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (!ascii_is_print(c) || c == ' ' || (i < colon && !ascii_is_alnum(c) &&
		    (i == 0 || (c != '+' && c != '-' && c != '.'))))
			return false;
	}
	return colon > 0 && colon + 1 < text.n && !ascii_is_digit(text.p[0]);
}

static void
check_imapd(struct check *k)
{
	struct conf_section *s = conf_find(k->conf, "imapd", 0);
	const struct imapd_options *o = s->values;

	if (o->admin_contact[0] != '\0' && !is_uri(slice_str(o->admin_contact)))
		conf_fault(k->errors, s, "admin_contact",
		    "not a URI; allowed: one with its scheme, such as mailto:ann@example.org");
}

static void
check_queue(struct check *k)
{
	struct conf_section *s = conf_find(k->conf, "queue", 0);
	const struct queue_options *q = s->values;

	if (q->minimal_backoff_time > q->maximal_backoff_time)
		conf_fault(k->errors, s, "minimal_backoff_time",
		    "longer than maximal_backoff_time; allowed: a shorter one");
}

/* Whatever it says, the file is only the operator's words: never executed. */
static void
check_template(struct check *k, const struct conf_section *s, const char *path)
{
	struct dsn_template_set *set = NULL;
	struct dsn_template_fault why;
	size_t n = 0;
	char *bytes;
	int fd;

	if (!k->opens_files || path[0] == '\0')
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	bytes = must_alloc(1, DSN_TEMPLATE_FILE_MAX + 1);
	if (fd < 0 || fd_pread_file(fd, bytes, DSN_TEMPLATE_FILE_MAX + 1, &n) != ERR_OK)
		conf_fault(k->errors, s, "bounce_template", "%s cannot be read: %s; allowed: a "
		    "file that can", path, strerror(errno));
	else if (dsn_template_parse(&set, slice_of(bytes, n), &why) != ERR_OK)
		buf_printf(k->errors, "%s:%u: %s\n", path, why.line, why.text);
	dsn_template_free(&set);
	free(bytes);
	if (fd >= 0)
		close(fd);
}

/* Whom keyd compares with the addresses of accounts. */
static void
check_quota_admins(struct check *k)
{
	const struct conf_section *s;
	char text[ADDR_TEXT_MAX + 1];
	struct slice address;

	for (size_t i = 0; (s = conf_find(k->conf, "domain", i)) != NULL; i++) {
		const struct opt_list *l = &((const struct domain_options *)s->values)->quota_admins;

		for (uint32_t j = 0; j < l->n; j++)
			if (slice_rfind(slice_str(l->v[j]), '@') == strlen(l->v[j]) ||
			    addr_canon_text(slice_str(l->v[j]), text, &address) != ERR_OK)
				conf_fault(k->errors, s, "quota_admins", "%s: not an address; "
				    "allowed: one like ann@example.net", l->v[j]);
	}
}

static void
check_templates(struct check *k)
{
	const struct conf_section *s = conf_find(k->conf, "queue", 0);

	check_template(k, s, ((const struct queue_options *)s->values)->bounce_template);
	for (size_t i = 0; (s = conf_find(k->conf, "domain", i)) != NULL; i++) {
		if (i >= DSN_TEMPLATE_FILES_MAX - 1 &&
		    ((const struct domain_options *)s->values)->bounce_template[0] != '\0')
			conf_fault(k->errors, s, "bounce_template", "too many domains before "
			    "it; allowed: in the first 99");
		check_template(k, s, ((const struct domain_options *)s->values)->bounce_template);
	}
}

enum err
master_config_read_from(const char *config_dir, conf_load_fn *load, void *arg,
    struct master_paths *p, struct conf **out, struct buf *errors, struct buf *warnings)
{
	struct check k = { .paths = p, .errors = errors, .warnings = warnings,
	    .opens_files = load == conf_load_file };
	enum err e = master_paths_init(p, config_dir);

	*out = NULL;
	if (e != ERR_OK) {
		buf_printf(errors, "%s: %s\n",
		    config_dir != NULL ? config_dir : GODWIT_SYSCONFDIR, err_text(e));
		return e;
	}
	e = conf_read(p->config, master_sections, load, arg, &k.conf, errors);
	if (k.conf == NULL)
		return e;
	e = master_paths_apply(p, k.conf);
	if (e != ERR_OK)
		buf_printf(errors, CONF_FILE_NAME ": a path is too long\n");
	add_built_in(k.conf);
	check_hostname(&k);
	check_root_key(&k);
	check_tls(&k);
	check_listens(&k);
	check_domains(&k);
	check_queue(&k);
	check_imapd(&k);
	check_quota_admins(&k);
	check_templates(&k);
	master_routes_check(k.conf, errors);
	if (buf_slice(errors).n > 0) {
		conf_free(&k.conf);
		return ERR_SYNTAX;
	}
	*out = k.conf;
	return ERR_OK;
}

enum err
master_config_read(const char *config_dir, struct master_paths *p, struct conf **out,
    struct buf *errors, struct buf *warnings)
{
	return master_config_read_from(config_dir, conf_load_file, NULL, p, out, errors,
	    warnings);
}

static void
keep_row(const struct conf_section *old, struct conf_section *fresh, const struct opt *o,
    struct buf *notes)
{
	if (o->when == OPT_RELOAD || opt_is_equal(o, old->values, fresh->values))
		return;
	conf_fault(notes, fresh, o->name, "applies after a stop and start");
	opt_copy(o, old->values, fresh->values);
}

void
master_config_keep(const struct conf *old, struct conf *fresh, struct buf *notes)
{
	for (size_t i = 0; i < fresh->section_count; i++) {
		struct conf_section *f = &fresh->sections[i];
		const struct conf_section *o = f->title == NULL ?
		    conf_find(old, f->def->name, 0) :
		    conf_find_titled(old, f->def->name, f->title);

		if (o == NULL && strcmp(f->def->name, "listen") == 0)
			conf_fault(notes, f, NULL, "applies after a stop and start");
		if (o == NULL)
			continue;
		for (const struct opt *row = f->def->rows; row->name != NULL; row++)
			keep_row(o, f, row, notes);
	}
}
