/* SPDX-License-Identifier: ISC */
/*
 * What master sent: options by section, listeners, files.
 */
#include "lib/daemon/daemon_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/sys/fd.h"

char *
daemon_dup(struct slice s)
{
	char *copy = must_alloc(s.n + 1, 1);

	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	return copy;
}

/* ---- options ---- */

void
daemon_sections_add(struct daemon_app *app, struct daemon_sections *set,
    const struct ipc_ctl_options *m)
{
	const struct opt_section *s = app->daemon->options;
	struct daemon_section *row;

	while (s != NULL && s->name != NULL && !slice_eq_str(m->section, s->name))
		s++;
	if (s == NULL || s->name == NULL)
		return;
	set->v = must_realloc(set->v, set->count + 1, sizeof(*set->v));
	row = &set->v[set->count];
	row->section = s;
	row->values = must_alloc(1, s->struct_bytes);
	if (opt_decode(s, m->values, row->values) != ERR_OK)
		log_fatal("options of section %s are of another build", s->name);
	row->title = daemon_dup(m->title);
	set->count++;
}

void
daemon_sections_free(struct daemon_sections *set)
{
	unsigned i;

	for (i = 0; i < set->count; i++) {
		opt_free(set->v[i].section, set->v[i].values);
		free(set->v[i].values);
		free(set->v[i].title);
	}
	free(set->v);
	*set = (struct daemon_sections){ NULL, 0 };
}

const void *
daemon_section(struct daemon_app *app, const char *section, unsigned idx,
    const char **title)
{
	const struct daemon_section *row;
	unsigned i;

	if (title != NULL)
		*title = NULL;
	for (i = 0; i < app->sections.count; i++) {
		row = &app->sections.v[i];
		if (strcmp(row->section->name, section) != 0 || idx-- > 0)
			continue;
		if (title != NULL)
			*title = row->title;
		return row->values;
	}
	return NULL;
}

unsigned
daemon_section_count(struct daemon_app *app, const char *section)
{
	unsigned i = 0;

	while (daemon_section(app, section, i, NULL) != NULL)
		i++;
	return i;
}

const void *
daemon_options(struct daemon_app *app, const char *section, const char *title)
{
	const char *its_title = NULL;
	const void *values;
	unsigned i;

	for (i = 0; (values = daemon_section(app, section, i,
	    &its_title)) != NULL; i++)
		if (title == NULL || strcmp(title, its_title) == 0)
			return values;
	return NULL;
}

/* ---- descriptors ---- */

void
daemon_fds_add(struct daemon_fds *set, struct slice kind, struct slice name,
    int take_fd)
{
	set->v = must_realloc(set->v, set->count + 1, sizeof(*set->v));
	set->v[set->count++] = (struct daemon_named_fd){
		.kind = daemon_dup(kind),
		.name = daemon_dup(name),
		.fd = take_fd,
	};
}

void
daemon_fds_free(struct daemon_fds *set)
{
	unsigned i;

	for (i = 0; i < set->count; i++) {
		fd_close(&set->v[i].fd);
		free(set->v[i].kind);
		free(set->v[i].name);
	}
	free(set->v);
	*set = (struct daemon_fds){ NULL, 0 };
}

int
daemon_listener(struct daemon_app *app, unsigned idx, const char **title,
    const char **address)
{
	const struct daemon_named_fd *row;

	if (idx >= app->listeners.count)
		return -1;
	row = &app->listeners.v[idx];
	if (title != NULL)
		*title = row->kind;
	if (address != NULL)
		*address = row->name;
	return row->fd;
}

int
daemon_file(struct daemon_app *app, const char *purpose, unsigned idx,
    const char **name)
{
	const struct daemon_named_fd *row;
	unsigned i;

	for (i = 0; i < app->files.count; i++) {
		row = &app->files.v[i];
		if (strcmp(row->kind, purpose) != 0 || idx-- > 0)
			continue;
		if (name != NULL)
			*name = row->name;
		return row->fd;
	}
	return -1;
}
