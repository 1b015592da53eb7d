#: sqlite: tables, indexes, joins, transactions, recursive queries, full scans
#: needs: sqlite3
#: expect: 1548008755920
sqlite3 base.db <<'X'
create table t(id integer primary key, a int, b text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000) insert into t select i, (i * 7919) % 1009, 'text' || (i % 97) from n;
create index ta on t(a);
select count(*), sum(a), max(b) from t;
select a, count(*) from t group by a having count(*) > 19 order by a limit 5;
select x.b, sum(y.a) from t x join t y on x.a = y.id where x.id < 3000 group by x.b order by 2 desc limit 5;
begin; update t set a = a + 1 where id % 3 = 0; delete from t where id % 7 = 0; rollback;
select count(*) from t where b like '%9%';
with recursive f(a, b, n) as (select 0, 1, 0 union all select b, a + b, n + 1 from f where n < 60) select max(a) from f;
select hex(zeroblob(4)), round(avg(a), 3), group_concat(distinct a % 5) from t;
vacuum; pragma integrity_check;
X
md5sum base.db
