/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_mail2_priv.h"

static struct slice
dsn_of(struct slice text)
{
	struct slice word;
	unsigned dots = 0;

	(void)slice_cut(text, ' ', &word);
	for (size_t i = 0; i < word.n; i++) {
		dots += word.p[i] == '.';
		if (word.p[i] != '.' && (word.p[i] < '0' || word.p[i] > '9'))
			return SLICE_NONE;
	}
	return dots == 2 && word.n <= SMTP_RESULT_DSN_MAX ? word : SLICE_NONE;
}

static void
take_status(struct dlv_mail2 *m, unsigned i, unsigned class, struct slice text)
{
	char words[CMTP2_TEXT_MAX + 1], code[SMTP_RESULT_DSN_MAX + 1] = "";
	struct slice dsn = dsn_of(text);
	struct smtp_result r;

	/* The code is of the class, or it is none. */
	if (dsn.n > 0 && dsn.p[0] == (char)('0' + class))
		(void)slice_to_cstr(dsn, code, sizeof(code));
	(void)slice_to_cstr(slice_head(text, CMTP2_TEXT_MAX), words, sizeof(words));
	smtp_result_reply(&r, SMTP_STAGE_END, m->host, class * 100 + 50, code, words);
	dlv_mail2_tell(m, i, DLV_MAIL2_TOLD, &r);
}

static void
take_statuses(struct dlv_mail2 *m, const struct cmtp2_answer *a)
{
	struct slice rest = a->content, text;
	unsigned class;
	bool is_one = a->what == CMTP2_REFUSED;

	if (is_one && cmtp2_answer_get_status(&rest, &class, &text) != ERR_OK)
		return;
	for (unsigned i = 0; i < m->p.count; i++) {
		if (!m->rcpts[i].has_key)
			continue;
		if (!is_one && cmtp2_answer_get_status(&rest, &class, &text) != ERR_OK)
			return;
		take_status(m, i, class, text);
	}
}

void
dlv_mail2_answer_take(void *arg, const struct cmtp2_answer *a)
{
	struct dlv_mail2 *m = arg;

	if (cmtp2_answer_verify(a, m->digest, m->server_sign) != ERR_OK) {
		dlv_mail2_hold(m, "4.7.5", "its answer to the mail does not verify");
	} else if (a->what == CMTP2_POSTAGE) {
		dlv_mail2_hold(m, "4.7.1", "it asks for postage, which is not paid here");
	} else {
		take_statuses(m, a);
		dlv_mail2_hold(m, "4.5.0", "its answer to the mail cannot be read");
	}
}
