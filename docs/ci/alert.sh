#!/bin/sh
# Tells each finding of `billproof spend --alert` once, for any CI system or cron. Run it in the repository:
#   alert.sh TOLD COMMAND [ARGUMENT…]
# COMMAND is run for each new finding, with two more arguments: a title, which stays the same when a later month changes an
# amount, and the whole line. TOLD is a file with the titles that were told; those of this run are added to it.
# Exit codes: 0 nothing new, or everything was told; 1 COMMAND failed, and the next run tries again; 2 and 3 as billproof.
set -u
told=$1
shift
code=0
findings=$(billproof spend --alert) || code=$?
case $code in
0) exit 0 ;;
1 | 3) ;;
*) exit "$code" ;;
esac
touch "$told" || exit 3
failed=0
while IFS= read -r line; do
    title=${line%%: *}
    if [ -z "$line" ] || grep -qxF -e "$title" "$told"; then
        continue
    fi
    if "$@" "$title" "$line" </dev/null; then
        printf '%s\n' "$title" >>"$told"
    else
        failed=1
    fi
done <<END
$findings
END
[ "$code" -eq 3 ] && exit 3
exit "$failed"
