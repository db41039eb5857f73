/* SPDX-License-Identifier: ISC */
#include "master/master_paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/conf/conf_sections.h"

static enum err PRINTF_LIKE(2, 3)
put(char dst[PATH_MAX], const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(dst, PATH_MAX, fmt, ap);
	va_end(ap);
	return n >= 0 && n < PATH_MAX ? ERR_OK : ERR_LIMIT;
}

static enum err
first_error(const enum err *e, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (e[i] != ERR_OK)
			return e[i];
	}
	return ERR_OK;
}

/*
 * In a build tree the daemons lie beside godwit, else in libexecdir; tools
 * always lie beside godwit.
 */
static enum err
find_programs(char dst[PATH_MAX], char tools[PATH_MAX])
{
	char probe[PATH_MAX];
	char *slash;
	ssize_t n;

	n = readlink("/proc/self/exe", dst, PATH_MAX - 1);
	if (n > 0) {
		dst[n] = '\0';
		slash = strrchr(dst, '/');
		if (slash != NULL)
			*slash = '\0';
		memcpy(tools, dst, strlen(dst) + 1);
	}
#ifdef GODWIT_TEST
	const char *given = getenv("GODWIT_LIBEXEC");

	if (given != NULL)
		return put(dst, "%s", given);
#endif
	if (n > 0) {
		if (put(probe, "%s/keyd", dst) == ERR_OK && access(probe, X_OK) == 0 &&
		    put(probe, "%s/deliver", dst) == ERR_OK && access(probe, X_OK) == 0)
			return ERR_OK;
	}
	return put(dst, "%s", GODWIT_LIBEXECDIR);
}

static enum err
init_instance(struct master_paths *p)
{
	int dir = (int)(strlen(p->config) - strlen("/etc"));
	const enum err e[] = {
		put(p->spool, "%.*s/spool", dir, p->config),
		put(p->mail, "%.*s/mail", dir, p->config),
		put(p->keys, "%.*s/keys", dir, p->config),
		put(p->run, "%.*s/run", dir, p->config),
		put(p->drop, "%.*s/drop", dir, p->config),
		put(p->log, "%.*s/log/godwit.log", dir, p->config),
	};
	return first_error(e, lengthof(e));
}

static enum err
init_system(struct master_paths *p)
{
	const enum err e[] = {
		put(p->spool, "%s/spool/godwit", GODWIT_LOCALSTATEDIR),
		put(p->mail, "%s/lib/godwit/mail", GODWIT_LOCALSTATEDIR),
		put(p->keys, "%s/lib/godwit/keys", GODWIT_LOCALSTATEDIR),
		put(p->run, "%s", GODWIT_RUNSTATEDIR),
		put(p->drop, "%s/spool/godwit-drop", GODWIT_LOCALSTATEDIR),
	};
	return first_error(e, lengthof(e));
}

enum err
master_paths_init(struct master_paths *p, const char *config_dir)
{
	enum err e;

	memset(p, 0, sizeof(*p));
	if (realpath(config_dir != NULL ? config_dir : GODWIT_SYSCONFDIR, p->config) == NULL)
		return err_from_errno(errno);
	p->is_instance = strlen(p->config) > strlen("/etc") &&
	    slice_ends(slice_str(p->config), "/etc");
	e = p->is_instance ? init_instance(p) : init_system(p);
	if (e == ERR_OK)
		e = put(p->empty, "%s/empty", p->run);
	if (e == ERR_OK)
		e = put(p->control, "%s/control", p->run);
	if (e == ERR_OK)
		e = put(p->pid, "%s/master.pid", p->run);
	if (e == ERR_OK)
		e = find_programs(p->libexec, p->sbin);
	return e;
}

enum err
master_paths_apply(struct master_paths *p, const struct conf *c)
{
	const struct godwit_options *o = conf_values(c, "godwit");
	enum err e = ERR_OK;

	if (o->queue_directory[0] != '\0')
		e = put(p->spool, "%s", o->queue_directory);
	if (e == ERR_OK && o->mail_directory[0] != '\0')
		e = put(p->mail, "%s", o->mail_directory);
	if (e == ERR_OK && o->keys_directory[0] != '\0')
		e = put(p->keys, "%s", o->keys_directory);
	if (strcmp(o->maillog_file, "-") == 0 || strcmp(o->maillog_file, "stderr") == 0)
		p->log[0] = '\0';
	else if (o->maillog_file[0] == '/')
		e = e == ERR_OK ? put(p->log, "%s", o->maillog_file) : e;
	else if (o->maillog_file[0] != '\0')
		e = e == ERR_OK ? put(p->log, "%s/%s", p->config, o->maillog_file) : e;
	return e;
}
