/* SPDX-License-Identifier: ISC */
/* Queue's side: a job, and what is answered. */
#include "tests/unit/test.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/ipc/queue_proto.h"
#include "tests/unit/delivery/fake_cmtp.h"

static void
on_settled(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	const struct ipc_relay_done *m = msg;
	struct ipc_reader r;
	struct ipc_relay_result one;

	(void)arg, (void)in;
	if (e == ERR_GONE)
		return;
	assert_int_equal(e, ERR_OK);
	assert_int_equal(type, IPC_MSG_relay_done);
	r = ipc_reader_of(m->results);
	while (ipc_reader_more(&r)) {
		struct fake_cmtp_result *to;

		ipc_relay_result_get(&r, &one);
		to = &w->results[one.idx];
		to->error = one.error;
		to->is_broken = one.is_broken;
		assert_true(slice_to_cstr(one.dsn, to->dsn, sizeof(to->dsn)));
		assert_true(slice_to_cstr(one.text, to->text, sizeof(to->text)));
		assert_true(slice_to_cstr(one.reply, to->reply, sizeof(to->reply)));
	}
	if (++w->count >= w->want)
		loop_stop(w->loop);
}

void
fake_cmtp_give(struct fake_cmtp_mail mail)
{
	struct ipc_relay_job m = { .msg = 0x1234567, .session = 1, .form = QUEUE_FORM_MEMFD,
	    .flags = (uint8_t)mail.flags,
		.site = SLICE_LIT("there.example"), .arrival_ms = loop_real_ms(w->loop),
		.route = slice_str(mail.route != NULL ? mail.route : ""),
		.active_ms = loop_real_ms(w->loop), .retry_ms = 36431000,
		.sender = slice_str(mail.sender != NULL ? mail.sender : "Ann@here.example") };
	const char *body = mail.body != NULL ? mail.body : FAKE_CMTP_BODY;
	struct slice rest = slice_str(mail.to), one;
	int fd = memfd_create("test", MFD_CLOEXEC);
	uint32_t idx = 0;
	struct buf b;

	m.size = mail.body != NULL ? mail.body_n : strlen(body);
	assert_int_equal(write(fd, body, m.size), (ssize_t)m.size);
	memset(w->results, 0, sizeof(w->results));
	buf_reset(&w->mail);
	buf_init(&b, 60000);
	while (rest.n > 0) {
		struct ipc_relay_rcpt r = { .idx = idx++ };

		rest = slice_cut(rest, ' ', &one);
		r.address = one;
		ipc_relay_rcpt_put(&b, &r);
	}
	m.rcpts = buf_slice(&b);
	assert_int_equal(ipc_call(w->queue, IPC_MSG_relay_job, &m, &fd, 1,
	    loop_now(w->loop) + 3600000, on_settled, NULL, NULL), ERR_OK);
	w->want++;
	w->source = fd;
	buf_fini(&b);
	fake_cmtp_run();
	(void)close(fd);
	w->source = -1;
}

void
fake_cmtp_is_deferred(unsigned i, const char *dsn, const char *text)
{
	assert_int_equal(err_class(w->results[i].error), ERR_CLASS_TEMP);
	assert_string_equal(w->results[i].dsn, dsn);
	if (strstr(w->results[i].text, text) == NULL)
		fail_msg("%s", w->results[i].text);
}

void
fake_cmtp_add_route(const char *title, enum dlv_cmtp_policy cmtp, bool cmtp1)
{
	static const struct opt_section route = CONF_ROUTE_SECTION;
	struct route_options o = { 0 };

	opt_defaults(&route, &o);
	o.tls = CONF_RELAY_TLS_MAY;
	o.cmtp = cmtp;
	o.cmtp1 = cmtp1;
	dlv_relay_add_route(w->relay, title, &o);
	opt_free(&route, &o);
}
