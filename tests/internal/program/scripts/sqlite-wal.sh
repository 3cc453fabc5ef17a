# shellcheck shell=bash
# AMOUNT transactions, each of one row, in journal mode wal; every acknowledged one must be there.
sqlite3 db "pragma journal_mode=wal; create table t(n integer primary key, s text);" >/dev/null
seq "$AMOUNT" | sed "s/.*/begin immediate; insert into t values(&, 'row number &'); commit; select &;/" | sqlite3 -bail db >"$LOCAL/acknowledged"
[ "$(tail -1 "$LOCAL/acknowledged")" = "$AMOUNT" ]
[ "$(sqlite3 db 'select count(*), sum(n), sum(length(s)) from t')" = "$(seq "$AMOUNT" | awk '{ n += $1; l += length("row number " $1) } END { print NR "|" n "|" l }')" ]
[ "$(sqlite3 db 'pragma integrity_check')" = ok ]
