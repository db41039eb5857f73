# SPDX-License-Identifier: ISC
# Every program has its page, and mandoc finds nothing to say about any.
command -v mandoc >/dev/null || { echo "mandoc is not installed"; exit 77; }
bad=0
for p in $(make -s print-PROGRAMS); do
	ls man/$p.[18] >/dev/null 2>&1 || { echo "no page for $p"; bad=1; }
done
for m in man/*.[1578]; do
	out=$(mandoc -Tlint -Wwarning "$m" 2>&1) || { echo "$out"; bad=1; }
done
# A reference to a page of ours leads to one.
for ref in $(sed -n 's/^\.Xr \(g[a-z.-]*\|keyd\|smtpd\|queue\|deliver\|relay\|store\|imapd\|master\) \([0-9]\).*/\1.\2/p' man/*.[1578] | sort -u); do
	[ -f man/$ref ] || { echo "no page $ref"; bad=1; }
done
exit $bad
