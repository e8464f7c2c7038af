# totals.sh SALES TOTALS: pieces by product. Says how many rows it has read.
set -euo pipefail

echo '"product","pieces"' > "$2"
tail -n +2 "$1" | tr -d '"' | awk -F, '{ pieces[$1] += $3 } END { for (one in pieces) print one "," pieces[one] }' | sort >> "$2"

rows=$(($(wc -l < "$1") - 1))
printf '{"type": "metadata", "metadata": {"rows_read": %d}}\n' "$rows" >> "$LATEWOOD_MESSAGES"
