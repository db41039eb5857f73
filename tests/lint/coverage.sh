# SPDX-License-Identifier: ISC
# Every file that COVERAGE names exists.
bad=0
for name in $(sed -n 's/^[0-9].* -- //p' tests/COVERAGE | tr -d ',' | tr ' ' '\n' | grep '/'); do
	ls tests/$name >/dev/null 2>&1 || { echo "COVERAGE names $name"; bad=1; }
done
exit $bad
