/*
 * The store's tables, as the migrations that make them. SCHEMA[i] takes a store from version i to
 * i + 1; the version stands in SQLite's user_version. A migration that was released never changes:
 * add one behind it.
 */
#ifndef CULPRIT_STORE_SCHEMA_H
#define CULPRIT_STORE_SCHEMA_H

/* "culp": tells a store from any other SQLite file (PRAGMA application_id). */
#define SCHEMA_APPLICATION_ID 0x63756c70

static const char *const SCHEMA[] = {
	/* 1 */
	"CREATE TABLE run ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  kind TEXT NOT NULL,"
	"  title TEXT NOT NULL,"
	"  status INTEGER NOT NULL,"
	"  started_ms INTEGER NOT NULL,"
	"  ended_ms INTEGER NOT NULL,"
	"  command TEXT NOT NULL,"
	"  key TEXT NOT NULL,"
	"  seed INTEGER NOT NULL,"
	"  spec TEXT, machine TEXT, result TEXT);"
	"CREATE INDEX run_key ON run (key) WHERE key <> '';"
	"CREATE TABLE trial ("
	"  run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,"
	"  idx INTEGER NOT NULL,"
	"  ok INTEGER NOT NULL,"
	"  started_ms INTEGER NOT NULL,"
	"  setting TEXT NOT NULL, responses TEXT NOT NULL, detail TEXT NOT NULL,"
	"  PRIMARY KEY (run, idx)) WITHOUT ROWID;"
	"CREATE TABLE blob ("
	"  run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,"
	"  name TEXT NOT NULL,"
	"  size INTEGER NOT NULL,"
	"  data BLOB NOT NULL," /* zstd */
	"  PRIMARY KEY (run, name));",
};

#endif
