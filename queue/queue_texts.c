/* SPDX-License-Identifier: ISC */
#include "queue/queue_texts.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/mail/addr.h"
#include "lib/sys/fd.h"
#include "queue/queue_route.h"

struct text {
	struct list			 link;
	struct dsn_template_set	*set;
	char				 path[];
};

struct use {
	struct list			 link;
	const struct dsn_template_set	*set;
	char				 domain[];
};

struct queue_texts {
	struct list			 texts;
	struct list			 uses;
	const struct dsn_template_set	*others;
	unsigned			 count;
};

struct queue_texts *
queue_texts_new(void)
{
	struct queue_texts *t = must_alloc(1, sizeof(*t));

	list_init(&t->texts);
	list_init(&t->uses);
	return t;
}

void
queue_texts_free(struct queue_texts **tp)
{
	struct queue_texts *t = *tp;
	struct list *l, *next;

	if (t == NULL)
		return;
	LIST_EACH(l, next, &t->texts) {
		dsn_template_free(&obj_of(l, struct text, link)->set);
		free(obj_of(l, struct text, link));
	}
	LIST_EACH(l, next, &t->uses)
		free(obj_of(l, struct use, link));
	free(t);
	*tp = NULL;
}

static void
complain(const char *path, unsigned line, const char *reason)
{
	log_event(LOG_template, log_str("file", path), log_num("line", line),
	    log_str("reason", reason));
}

static struct dsn_template_set *
read_set(const char *path, int fd)
{
	struct dsn_template_fault why = { .line = 0 };
	struct dsn_template_set *set = NULL;
	char *bytes = must_alloc(1, DSN_TEMPLATE_FILE_MAX + 1);
	size_t n = 0;

	if (fd_pread_file(fd, bytes, DSN_TEMPLATE_FILE_MAX + 1, &n) != ERR_OK)
		complain(path, 0, "it cannot be read");
	else if (dsn_template_parse(&set, slice_of(bytes, n), &why) != ERR_OK)
		complain(path, why.line, why.text);
	free(bytes);
	return set;
}

void
queue_texts_add(struct queue_texts *t, const char *path, int fd)
{
	size_t n = strlen(path) + 1;
	struct text *one;

	if (t->count >= DSN_TEMPLATE_FILES_MAX)
		return;
	one = must_alloc(1, sizeof(*one) + n);
	memcpy(one->path, path, n);
	one->set = read_set(path, fd);
	list_push(&t->texts, &one->link);
	t->count++;
}

static const struct text *
find_text(const struct queue_texts *t, const char *path)
{
	struct list *l;

	for (l = t->texts.next; l != &t->texts; l = l->next)
		if (strcmp(obj_of(l, struct text, link)->path, path) == 0)
			return obj_of(l, struct text, link);
	return NULL;
}

void
queue_texts_use(struct queue_texts *t, const char *domain, const char *path)
{
	const struct text *text;
	struct use *u;
	size_t n;

	if (path[0] == '\0')
		return;
	if ((text = find_text(t, path)) == NULL) {
		complain(path, 0, "it was not opened");
		return;
	}
	if (domain == NULL) {
		t->others = text->set;
		return;
	}
	n = strlen(domain) + 1;
	u = must_alloc(1, sizeof(*u) + n);
	memcpy(u->domain, domain, n);
	u->set = text->set;
	list_push(&t->uses, &u->link);
}

/* Notifications are few: no index. */
const struct dsn_template_set *
queue_texts_find(const struct queue_texts *t, struct slice sender)
{
	struct slice domain = queue_route_domain(sender);
	const struct use *u;
	struct list *l;

	if (t == NULL)
		return NULL;
	for (l = t->uses.next; l != &t->uses; l = l->next) {
		u = obj_of(l, struct use, link);
		if (u->set != NULL && addr_domain_eq(slice_str(u->domain), domain))
			return u->set;
	}
	return t->others;
}
