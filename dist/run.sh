#!/bin/sh
# SPDX-License-Identifier: ISC
# make run: an instance of example.test in ./run, kept between runs, with
# accounts alice and bob (password "godwit"); in the foreground until Ctrl-C.
set -eu
cd "$(dirname "$0")/.."
dir=${RUN_DIR:-$PWD/run}
bin=${RUN_BIN:-$PWD/build/bin}
base=${RUN_BASE:-10000}
domain=example.test
password=godwit

if ! [ -f "$dir/etc/godwit.conf" ]; then
	"$bin/godwit" setup --instance "$dir" --domain $domain \
	    --hostname mx1.$domain --local "$base" >/dev/null
fi

# The first line of godwit's output says that all daemons serve.
fifo=$dir/run/output
rm -f "$fifo"
mkfifo -m 600 "$fifo"
"$bin/godwit" -c "$dir/etc" run >"$fifo" &
pid=$!
# Ctrl-C goes to godwit too, which stops in order: only wait for it.
trap : INT
trap 'kill -TERM $pid' TERM HUP
ready=
read -r ready <"$fifo" || :
rm -f "$fifo"

finish() {
	code=0
	wait $pid || code=$?
	# A signal of ours interrupts the wait, not godwit.
	while kill -0 $pid 2>/dev/null; do
		code=0
		wait $pid || code=$?
	done
	exit $code
}
[ "$ready" = "godwit: ready" ] || finish

for user in alice bob; do
	"$bin/gwuser" -c "$dir/etc" list | grep -q "^$user@$domain " ||
		echo $password | "$bin/gwuser" -c "$dir/etc" add $user@$domain --password-stdin
done

ca=$dir/etc/certificate.pem
cat <<END
Accounts alice@$domain and bob@$domain, password "$password".  Log: $dir/log/godwit.log
Send a message from alice to bob:

printf 'From: alice@$domain\r\nTo: bob@$domain\r\nSubject: hello\r\n\r\nHello, Bob.\r\n' |
curl --cacert $ca --ssl-reqd smtp://localhost:$((base + 587)) \\
    -u alice@$domain:$password --mail-from alice@$domain --mail-rcpt bob@$domain -T -

Read it:

curl --cacert $ca -u bob@$domain:$password 'imaps://localhost:$((base + 993))/INBOX;MAILINDEX=1'

Also SMTP on $((base + 25)), submission with TLS on $((base + 465)), IMAP with STARTTLS on $((base + 143)),
CMTP on $((base + 9001)).
Ctrl-C stops it.
END
echo "$ready"
finish
