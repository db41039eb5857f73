/* SPDX-License-Identifier: ISC */
#include "master/master_sections.h"

#include "cmtpd/cmtpd_opt.h"
#include "delivery/delivery_opt.h"
#include "imapd/imapd_opt.h"
#include "keyd/keyd_opt.h"
#include "lib/conf/conf_sections.h"
#include "queue/queue_opt.h"
#include "store/store_opt.h"

const struct opt_section	master_sections[] = {
	CONF_GODWIT_SECTION,
	CONF_TLS_SECTION,
	CONF_LISTEN_SECTION,
	CONF_DOMAIN_SECTION,
	CONF_ROUTE_SECTION,
	CONF_DNS_SECTION,
	CONF_SMTPD_SECTION,
	QUEUE_OPT_SECTION,
	DELIVERY_OPT_SECTION,
	RELAY_OPT_SECTION,
	STORE_OPT_SECTION,
	IMAPD_OPT_SECTION,
	CMTPD_OPT_SECTION,
	KEYD_OPT_SECTION,
	OPT_SECTIONS_END
};
