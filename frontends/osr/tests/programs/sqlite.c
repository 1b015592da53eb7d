// Fills a database in a file, changes it in transactions, asks it: sqlite FILE ROWS
#include <stdio.h>
#include <stdlib.h>

#include "sqlite3.h"

static sqlite3 *db;

static int row(void *unused, int count, char **values, char **names) {
    (void)unused;
    for (int i = 0; i < count; i++)
        printf("%s=%s ", names[i], values[i] ? values[i] : "null");
    printf("\n");
    return 0;
}

static void run(const char *sql) {
    char *error = NULL;
    if (sqlite3_exec(db, sql, row, NULL, &error) != SQLITE_OK) {
        printf("%s: %s\n", sql, error);
        exit(1);
    }
}

static void fill(int rows) {
    unsigned seed = 7;
    sqlite3_stmt *insert;
    run("begin; create table t(id integer primary key, name text, value real)");
    sqlite3_prepare_v2(db, "insert into t values(?, ?, ?)", -1, &insert, NULL);
    for (int i = 1; i <= rows; i++) {
        char name[20];
        seed = seed * 1664525u + 1013904223u;
        snprintf(name, sizeof name, "name-%x", seed >> 20);
        sqlite3_bind_int(insert, 1, i);
        sqlite3_bind_text(insert, 2, name, -1, SQLITE_TRANSIENT);
        sqlite3_bind_double(insert, 3, (seed >> 8) / 1000.0);
        sqlite3_step(insert);
        sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    run("commit");
}

int main(int argc, char **argv) {
    if (argc < 3 || sqlite3_open(argv[1], &db) != SQLITE_OK)
        return 2;
    fill(atoi(argv[2]));
    run("create index by_name on t(name)");
    run("select count(*), count(distinct name), round(sum(value), 3) from t");
    run("begin; delete from t where id % 3 = 0; rollback");
    run("update t set value = value * 2 where name like 'name-1%'");
    run("delete from t where id % 7 = 0");
    run("select name, count(*) c, round(avg(value), 3) from t group by name order by c desc, name limit 5");
    run("select a.id, b.id from t a join t b on a.name = b.name and a.id < b.id order by a.id, b.id limit 3");
    run("vacuum; pragma integrity_check");
    return sqlite3_close(db);
}
