/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "delivery/dlv_tls.h"

#define DIGEST	"0123456789abcdef0123456789abcdef"

struct fake {
	struct dns_answer	a;
	struct dns_record	r[200];
};

static void
start(struct fake *f, enum dns_status s, bool secure)
{
	memset(f, 0, sizeof(*f));
	f->a = (struct dns_answer){ .status = s, .is_secure = secure, .records = f->r,
		.reason = s == DNS_SERVFAIL ? "timed out" : NULL };
}

static void
add(struct fake *f, unsigned usage, unsigned selector, unsigned matching, struct slice data)
{
	struct dns_record *r = &f->r[f->a.count++];

	r->usage = (uint8_t)usage;
	r->selector = (uint8_t)selector;
	r->matching = (uint8_t)matching;
	r->data = data;
}

static struct dlv_route
route_of(enum conf_relay_tls tls)
{
	static char empty[1];

	return (struct dlv_route){ .refs = 1, .title = empty, .login = empty, .tls = tls };
}

static const struct dlv_tls_facts secure_host = {
	.host = "mx.example", .base = "mx.example", .domain = "example.com",
	.mx_secure = true, .addr_secure = true
};

static bool
has_name(const struct dlv_tls *t, const char *name)
{
	for (size_t i = 0; i < t->demand.name_count; i++)
		if (slice_eq_str(t->demand.names[i], name))
			return true;
	return false;
}

/* ---- the table of policies without DNS */

static const struct {
	enum conf_relay_tls	policy;
	bool			require, optional;
	enum err_class		class;		/* NONE: may be used */
	enum dlv_tls_level	level;
	const char		*names;		/* all, with a space behind each */
} rows[] = {
#define OK ERR_CLASS_NONE
	{ CONF_RELAY_TLS_NONE, false, false, OK, DLV_TLS_NONE, "" },
	{ CONF_RELAY_TLS_MAY, false, false, OK, DLV_TLS_MAY, "" },
	{ CONF_RELAY_TLS_ENCRYPT, false, false, OK, DLV_TLS_ENCRYPT, "" },
	{ CONF_RELAY_TLS_DANE, false, false, OK, DLV_TLS_MAY, "" },
	{ CONF_RELAY_TLS_DANE_ONLY, false, false, ERR_CLASS_TEMP, DLV_TLS_NONE, "" },
	{ CONF_RELAY_TLS_VERIFY, false, false, OK, DLV_TLS_CHAIN, "mx.example " },
	{ CONF_RELAY_TLS_SECURE, false, false, OK, DLV_TLS_CHAIN, "example.com .example.com " },
	/* the sender demands */
	{ CONF_RELAY_TLS_NONE, true, false, OK, DLV_TLS_CHAIN, "mx.example example.com " },
	{ CONF_RELAY_TLS_MAY, true, false, OK, DLV_TLS_CHAIN, "mx.example example.com " },
	{ CONF_RELAY_TLS_ENCRYPT, true, false, OK, DLV_TLS_CHAIN, "mx.example example.com " },
	{ CONF_RELAY_TLS_DANE, true, false, OK, DLV_TLS_CHAIN, "mx.example example.com " },
	{ CONF_RELAY_TLS_DANE_ONLY, true, false, ERR_CLASS_TEMP, DLV_TLS_NONE, "" },
	{ CONF_RELAY_TLS_SECURE, true, false, OK, DLV_TLS_CHAIN, "example.com .example.com " },
	/* the sender does not care */
	{ CONF_RELAY_TLS_NONE, false, true, OK, DLV_TLS_NONE, "" },
	{ CONF_RELAY_TLS_ENCRYPT, false, true, OK, DLV_TLS_MAY, "" },
	{ CONF_RELAY_TLS_DANE, false, true, OK, DLV_TLS_MAY, "" },
	{ CONF_RELAY_TLS_DANE_ONLY, false, true, OK, DLV_TLS_MAY, "" },
	{ CONF_RELAY_TLS_SECURE, false, true, OK, DLV_TLS_MAY, "" },
	/* both: the demand wins */
	{ CONF_RELAY_TLS_MAY, true, true, OK, DLV_TLS_CHAIN, "mx.example example.com " },
#undef OK
};

static void
policies(void **state)
{
	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		struct dlv_route r = route_of(rows[i].policy);
		struct dlv_tls_facts f = secure_host;
		struct dlv_verdict v = { .error = ERR_OK };
		struct dlv_tls *t;
		struct buf names;

		f.require_tls = rows[i].require;
		f.tls_optional = rows[i].optional;
		assert_int_equal(err_class(dlv_tls_decide(&t, &r, &f, &v)), rows[i].class);
		assert_int_equal(err_class(v.error), rows[i].class);
		if (rows[i].class != ERR_CLASS_NONE) {
			assert_string_equal(v.dsn, "4.7.5");
			continue;
		}
		assert_int_equal(t->level, rows[i].level);
		buf_init(&names, 1000);
		for (size_t k = 0; k < t->demand.name_count; k++) {
			buf_put_slice(&names, t->demand.names[k]);
			buf_put_char(&names, ' ');
		}
		assert_slice(buf_slice(&names), rows[i].names);
		assert_slice(t->demand.sni, "mx.example");
		buf_fini(&names);
		dlv_tls_unref(&t);
	}
}

/* ---- DANE */

static const struct {
	enum dns_status	status;
	bool		secure;
	unsigned	usage;		/* 9: no record */
	enum err_class	dane, only, required;	/* NONE: may be used */
	enum dlv_tls_level dane_level, required_level;
} answers[] = {
	{ DNS_OK, true, 3, ERR_CLASS_NONE, ERR_CLASS_NONE, ERR_CLASS_NONE, DLV_TLS_DANE, DLV_TLS_DANE },
	{ DNS_OK, true, 2, ERR_CLASS_NONE, ERR_CLASS_NONE, ERR_CLASS_NONE, DLV_TLS_DANE, DLV_TLS_DANE },
	/* RFC 7672 s3.1.3: PKIX usages are not for SMTP */
	{ DNS_OK, true, 1, ERR_CLASS_NONE, ERR_CLASS_TEMP, ERR_CLASS_NONE, DLV_TLS_ENCRYPT, DLV_TLS_CHAIN },
	{ DNS_OK, false, 3, ERR_CLASS_NONE, ERR_CLASS_TEMP, ERR_CLASS_NONE, DLV_TLS_MAY, DLV_TLS_CHAIN },
	{ DNS_NODATA, true, 9, ERR_CLASS_NONE, ERR_CLASS_TEMP, ERR_CLASS_NONE, DLV_TLS_MAY, DLV_TLS_CHAIN },
	{ DNS_NXDOMAIN, true, 9, ERR_CLASS_NONE, ERR_CLASS_TEMP, ERR_CLASS_NONE, DLV_TLS_MAY, DLV_TLS_CHAIN },
	{ DNS_SERVFAIL, false, 9, ERR_CLASS_TEMP, ERR_CLASS_TEMP, ERR_CLASS_TEMP, DLV_TLS_MAY, DLV_TLS_CHAIN },
};

static void
check_answer(size_t i, enum conf_relay_tls policy, bool require, enum err_class class,
    enum dlv_tls_level level)
{
	struct dlv_route r = route_of(policy);
	struct dlv_tls_facts f = secure_host;
	struct dlv_verdict v;
	struct dlv_tls *t;
	struct fake tlsa;

	start(&tlsa, answers[i].status, answers[i].secure);
	if (answers[i].usage != 9)
		add(&tlsa, answers[i].usage, 1, 1, SLICE_LIT(DIGEST));
	f.tlsa = &tlsa.a;
	f.require_tls = require;
	assert_true(dlv_tls_wants_tlsa(&r, &f));
	assert_int_equal(err_class(dlv_tls_decide(&t, &r, &f, &v)), class);
	if (class != ERR_CLASS_NONE) {
		assert_string_equal(v.dsn, "4.7.5");
		return;
	}
	assert_int_equal(t->level, level);
	assert_int_equal(t->demand.tlsa_count, level == DLV_TLS_DANE ? 1 : 0);
	if (level == DLV_TLS_DANE) {
		assert_slice(t->demand.tlsa[0].data, DIGEST);
		assert_true(has_name(t, "mx.example") && has_name(t, "example.com"));
	}
	dlv_tls_unref(&t);
}

static void
dane_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < lengthof(answers); i++) {
		check_answer(i, CONF_RELAY_TLS_DANE, false, answers[i].dane, answers[i].dane_level);
		check_answer(i, CONF_RELAY_TLS_DANE_ONLY, false, answers[i].only, DLV_TLS_DANE);
		check_answer(i, CONF_RELAY_TLS_MAY, true, answers[i].required,
		    answers[i].required_level);
	}
}

static void
dane_is_asked_for(void **state)
{
	struct dlv_tls_facts f = secure_host;
	struct dlv_route r = route_of(CONF_RELAY_TLS_DANE);

	(void)state;
	assert_true(dlv_tls_wants_tlsa(&r, &f));
	f.tls_optional = true;
	assert_false(dlv_tls_wants_tlsa(&r, &f));
	f = secure_host;
	f.addr_secure = false;
	assert_false(dlv_tls_wants_tlsa(&r, &f));
	f = secure_host;
	f.host = "";
	assert_false(dlv_tls_wants_tlsa(&r, &f));
	f = secure_host;
	r.tls = CONF_RELAY_TLS_VERIFY;
	assert_false(dlv_tls_wants_tlsa(&r, &f));
	r.tls = CONF_RELAY_TLS_MAY;
	assert_false(dlv_tls_wants_tlsa(&r, &f));
	f.require_tls = true;
	assert_true(dlv_tls_wants_tlsa(&r, &f));
}

static void
dane_and_forged_mx(void **state)
{
	struct dlv_route r = route_of(CONF_RELAY_TLS_DANE);
	struct dlv_tls_facts f = secure_host;
	struct dlv_verdict v;
	struct dlv_tls *t;
	struct fake tlsa;

	(void)state;
	start(&tlsa, DNS_OK, true);
	add(&tlsa, 3, 1, 1, SLICE_LIT(DIGEST));
	f.tlsa = &tlsa.a;
	f.mx_secure = false;
	assert_int_equal(dlv_tls_decide(&t, &r, &f, &v), ERR_OK);
	assert_int_equal(t->level, DLV_TLS_DANE);
	dlv_tls_unref(&t);
	r.tls = CONF_RELAY_TLS_DANE_ONLY;
	assert_int_not_equal(dlv_tls_decide(&t, &r, &f, &v), ERR_OK);
	/* the sender's demand is not met by a host that anybody named */
	r.tls = CONF_RELAY_TLS_DANE;
	f.require_tls = true;
	assert_int_equal(dlv_tls_decide(&t, &r, &f, &v), ERR_OK);
	assert_int_equal(t->level, DLV_TLS_CHAIN);
	assert_false(has_name(t, "mx.example"));
	assert_true(has_name(t, "example.com"));
	dlv_tls_unref(&t);
}

/* Records without end, each a whole certificate: memory is bounded. */
static void
dane_limits(void **state)
{
	struct dlv_route r = route_of(CONF_RELAY_TLS_DANE);
	struct dlv_tls_facts f = secure_host;
	char *big = calloc(1, 60000);
	struct dlv_verdict v;
	struct dlv_tls *t;
	struct fake tlsa;

	(void)state;
	f.tlsa = &tlsa.a;
	start(&tlsa, DNS_OK, true);
	for (unsigned i = 0; i < TLS_TLSA_MAX + 1; i++)
		add(&tlsa, 3, 1, 1, SLICE_LIT(DIGEST));
	assert_int_equal(dlv_tls_decide(&t, &r, &f, &v), ERR_OK);
	assert_int_equal(t->demand.tlsa_count, TLS_TLSA_MAX);
	dlv_tls_unref(&t);
	start(&tlsa, DNS_OK, true);
	for (unsigned i = 0; i < 200; i++)
		add(&tlsa, 3, 1, 1, SLICE_LIT(DIGEST));
	for (unsigned i = 0; i < 200; i++)
		tlsa.r[i].data = slice_of(big, i % 2 == 0 ? 60000 : 32);
	assert_int_equal(dlv_tls_decide(&t, &r, &f, &v), ERR_OK);
	assert_true(t->mem.total_bytes <= DLV_TLS_BYTES_MAX);
	assert_true(has_name(t, "mx.example"));
	dlv_tls_unref(&t);
	free(big);
}

/* ---- names, login, keys */

static void
configured_names(void **state)
{
	char one[] = "relay.example", two[] = ".pool.example", user[] = "joe";
	char *names[] = { one, two };
	struct dlv_route r = route_of(CONF_RELAY_TLS_VERIFY);
	struct dlv_tls_facts f = secure_host;
	struct dlv_verdict v;
	struct dlv_tls *t;

	(void)state;
	r.names = names;
	r.name_count = 2;
	assert_int_equal(dlv_tls_decide(&t, &r, &f, &v), ERR_OK);
	assert_int_equal(t->demand.name_count, 2);
	assert_true(has_name(t, ".pool.example"));
	dlv_tls_unref(&t);
	/* an address has no name of its own */
	f.host = f.base = f.domain = "";
	assert_int_equal(dlv_tls_decide(&t, &r, &f, &v), ERR_OK);
	assert_slice(t->demand.sni, "");
	dlv_tls_unref(&t);
	r.name_count = 0;
	assert_int_not_equal(dlv_tls_decide(&t, &r, &f, &v), ERR_OK);
	assert_string_equal(v.dsn, "4.7.5");
	/* with a login nothing goes in the clear */
	r = route_of(CONF_RELAY_TLS_MAY);
	r.login = user;
	f.tls_optional = true;
	assert_int_equal(dlv_tls_decide(&t, &r, &f, &v), ERR_OK);
	assert_int_equal(t->level, DLV_TLS_ENCRYPT);
	dlv_tls_unref(&t);
}

static uint64_t
key_with(const struct dlv_route *r, const struct dlv_tls_facts *f)
{
	struct dlv_verdict v;
	struct dlv_tls *t;
	uint64_t key;

	assert_int_equal(dlv_tls_decide(&t, r, f, &v), ERR_OK);
	key = t->key;
	dlv_tls_unref(&t);
	return key;
}

static void
keys(void **state)
{
	struct dlv_route may = route_of(CONF_RELAY_TLS_MAY);
	struct dlv_route dane = route_of(CONF_RELAY_TLS_DANE);
	struct dlv_route secure = route_of(CONF_RELAY_TLS_SECURE);
	struct dlv_tls_facts f = secure_host, other = secure_host;
	struct fake one, two;

	(void)state;
	other.domain = "example.org";
	/* Domains share a connection when nothing is demanded in their name. */
	assert_true(key_with(&may, &f) == key_with(&may, &other));
	assert_true(key_with(&may, &f) == key_with(&dane, &f));
	assert_true(key_with(&secure, &f) != key_with(&secure, &other));
	start(&one, DNS_OK, true);
	add(&one, 3, 1, 1, SLICE_LIT(DIGEST));
	start(&two, DNS_OK, true);
	add(&two, 2, 1, 1, SLICE_LIT(DIGEST));
	f.tlsa = &one.a;
	other = f;
	assert_true(key_with(&dane, &f) == key_with(&dane, &other));
	other.tlsa = &two.a;
	assert_true(key_with(&dane, &f) != key_with(&dane, &other));
}

static void
fingerprints(void **state)
{
	unsigned char prints[2][CONF_PRINT_BYTES] = { { 1 }, { 2 } };
	struct dlv_route r = route_of(CONF_RELAY_TLS_FINGERPRINT);
	struct dlv_verdict v;
	struct dlv_tls *t;

	(void)state;
	r.prints = prints;
	r.print_count = 2;
	assert_int_equal(dlv_tls_decide(&t, &r, &secure_host, &v), ERR_OK);
	assert_int_equal(t->level, DLV_TLS_PRINT);
	assert_int_equal(t->demand.mode, TLS_FINGERPRINT);
	assert_int_equal(t->demand.fingerprint_count, 2);
	assert_int_equal(t->demand.fingerprints[1][0], 2);
	dlv_tls_unref(&t);
}

static void
log_texts(void **state)
{
	struct tls_peer p = { .trust = TLS_VERIFIED };

	(void)state;
	assert_string_equal(dlv_tls_text(NULL), "none");
	assert_string_equal(dlv_tls_text(&p), "verified");
	p.trust = TLS_UNTRUSTED;
	assert_string_equal(dlv_tls_text(&p), "untrusted");
}

/* ---- MTA-STS */

#define STS(mode, mx)	"version: STSv1\nmode: " mode "\nmx: " mx "\nmax_age: 86400\n"

static const struct {
	const char		*policy;
	enum conf_relay_tls	tls;
	bool			require, is_dane, mx_secure;
	enum err_class		class;
	enum dlv_tls_level	level;
	bool			is_advisory, is_unlisted;
	const char		*word;
} sts_rows[] = {
#define OK	ERR_CLASS_NONE
#define BAD	ERR_CLASS_TEMP
#define DANE	CONF_RELAY_TLS_DANE
	{ STS("enforce", "mx.example"), DANE, false, false, false, OK, DLV_TLS_CHAIN, false, false, "sts" },
	{ STS("enforce", "*.example"), DANE, false, false, false, OK, DLV_TLS_CHAIN, false, false, "sts" },
	{ STS("enforce", "a.example"), DANE, false, false, true, BAD, DLV_TLS_NONE, false, false, "" },
	{ STS("enforce", "mx.example"), CONF_RELAY_TLS_MAY, false, false, true, OK, DLV_TLS_CHAIN, false, false, "sts" },
	{ STS("enforce", "mx.example"), CONF_RELAY_TLS_ENCRYPT, false, false, true, OK, DLV_TLS_CHAIN, false, false, "sts" },
	/* RFC 8461 s2: DANE goes first, but not where anybody may have named the host */
	{ STS("enforce", "mx.example"), DANE, false, true, true, OK, DLV_TLS_DANE, false, false, "" },
	{ STS("enforce", "a.example"), DANE, false, true, true, OK, DLV_TLS_DANE, false, false, "" },
	{ STS("enforce", "mx.example"), DANE, false, true, false, OK, DLV_TLS_DANE, false, false, "" },
	{ STS("enforce", "a.example"), DANE, false, true, false, BAD, DLV_TLS_NONE, false, false, "" },
	/* testing: told, not demanded */
	{ STS("testing", "mx.example"), DANE, false, false, false, OK, DLV_TLS_MAY, true, false, "sts-testing" },
	{ STS("testing", "a.example"), DANE, false, false, false, OK, DLV_TLS_MAY, true, true, "sts-testing" },
	{ STS("testing", "mx.example"), CONF_RELAY_TLS_ENCRYPT, false, false, false, OK, DLV_TLS_ENCRYPT, true, false, "sts-testing" },
	{ STS("testing", "a.example"), DANE, false, true, false, OK, DLV_TLS_DANE, false, false, "" },
	{ STS("none", "a.example"), DANE, false, false, false, OK, DLV_TLS_MAY, false, false, "" },
	/* RFC 8689 s4.2.1: what is enforced is enough for REQUIRETLS, the rest is not */
	{ STS("enforce", "mx.example"), DANE, true, false, false, OK, DLV_TLS_CHAIN, false, false, "sts" },
	{ STS("enforce", "a.example"), DANE, true, false, false, BAD, DLV_TLS_NONE, false, false, "" },
	{ STS("enforce", "mx.example"), DANE, true, true, false, OK, DLV_TLS_CHAIN, false, false, "sts" },
	{ STS("enforce", "mx.example"), DANE, true, true, true, OK, DLV_TLS_DANE, false, false, "" },
	{ STS("testing", "mx.example"), DANE, true, false, false, OK, DLV_TLS_CHAIN, false, false, "" },
	{ STS("none", "mx.example"), DANE, true, false, false, OK, DLV_TLS_CHAIN, false, false, "" },
#undef DANE
#undef BAD
#undef OK
};

static void
check_sts(size_t i)
{
	struct dlv_route r = route_of(sts_rows[i].tls);
	struct dlv_tls_facts f = secure_host;
	struct dlv_verdict v = { .error = ERR_OK };
	struct sts_policy *policy;
	struct fake tlsa;
	struct dlv_tls *t;
	const char *why;

	assert_int_equal(sts_policy_parse(&policy, slice_str(sts_rows[i].policy), &why), ERR_OK);
	start(&tlsa, DNS_OK, true);
	add(&tlsa, 3, 1, 1, SLICE_LIT(DIGEST));
	f.tlsa = sts_rows[i].is_dane ? &tlsa.a : NULL;
	f.sts = policy;
	f.mx_secure = sts_rows[i].mx_secure;
	f.require_tls = sts_rows[i].require;
	assert_true(dlv_tls_heeds_sts(&r, f.require_tls, false));
	assert_int_equal(err_class(dlv_tls_decide(&t, &r, &f, &v)), sts_rows[i].class);
	sts_policy_unref(&policy);
	if (t == NULL) {
		assert_string_equal(v.dsn, "4.7.5");
		return;
	}
	assert_int_equal(t->level, sts_rows[i].level);
	assert_int_equal(t->demand.is_advisory, sts_rows[i].is_advisory);
	assert_int_equal(t->is_unlisted, sts_rows[i].is_unlisted);
	assert_string_equal(t->policy, sts_rows[i].word);
	if (sts_rows[i].word[0] != '\0') {
		/* RFC 8461 s4.2: for the host, not for the domain. */
		assert_int_equal(t->demand.mode, TLS_CHAIN);
		assert_int_equal(t->demand.name_count, 1);
		assert_slice(t->demand.names[0], "mx.example");
		assert_slice(t->demand.sni, "mx.example");
	}
	dlv_tls_unref(&t);
}

static void
sts_policies(void **state)
{
	(void)state;
	for (size_t i = 0; i < lengthof(sts_rows); i++)
		check_sts(i);
}

static void
sts_is_heeded(void **state)
{
	struct dlv_route r = route_of(CONF_RELAY_TLS_DANE);

	(void)state;
	assert_true(dlv_tls_heeds_sts(&r, false, false));
	assert_true(dlv_tls_heeds_sts(&r, true, true));
	/* RFC 8689 s3 */
	assert_false(dlv_tls_heeds_sts(&r, false, true));
	r.has_relay = true;
	assert_false(dlv_tls_heeds_sts(&r, false, false));
	assert_false(dlv_tls_heeds_sts(&r, true, false));
	r = route_of(CONF_RELAY_TLS_NONE);
	assert_false(dlv_tls_heeds_sts(&r, false, false));
	assert_true(dlv_tls_heeds_sts(&r, true, false));
	for (unsigned k = CONF_RELAY_TLS_DANE_ONLY; k <= CONF_RELAY_TLS_FINGERPRINT; k++) {
		r = route_of((enum conf_relay_tls)k);
		assert_false(dlv_tls_heeds_sts(&r, false, false));
	}
}

/* A connection made under a policy in testing does not serve one in force. */
static void
sts_keys(void **state)
{
	static const char *const texts[] = { STS("enforce", "mx.example"),
		STS("testing", "mx.example"), STS("none", "mx.example") };
	struct dlv_route r = route_of(CONF_RELAY_TLS_ENCRYPT);
	struct dlv_tls_facts f = secure_host;
	struct sts_policy *policy;
	struct dlv_verdict v;
	uint64_t keys[3];
	struct dlv_tls *t;
	const char *why;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(sts_policy_parse(&policy, slice_str(texts[i]), &why), ERR_OK);
		f.sts = policy;
		assert_int_equal(dlv_tls_decide(&t, &r, &f, &v), ERR_OK);
		keys[i] = t->key;
		dlv_tls_unref(&t);
		sts_policy_unref(&policy);
	}
	assert_true(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies),
		cmocka_unit_test(sts_policies), cmocka_unit_test(sts_is_heeded),
		cmocka_unit_test(sts_keys),
		cmocka_unit_test(dane_answers),
		cmocka_unit_test(dane_is_asked_for),
		cmocka_unit_test(dane_and_forged_mx),
		cmocka_unit_test(dane_limits),
		cmocka_unit_test(configured_names),
		cmocka_unit_test(keys),
		cmocka_unit_test(fingerprints),
		cmocka_unit_test(log_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
