BEGIN TRANSACTION;
CREATE TABLE bookmarks (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        uid TEXT NOT NULL UNIQUE,
        dataset TEXT NOT NULL,
        note TEXT NOT NULL DEFAULT '',
        added TEXT NOT NULL
    );
INSERT INTO "bookmarks" VALUES(1,'demo/test/000000','demo','two circles','2026-11-28T19:46:30.264Z');
INSERT INTO "bookmarks" VALUES(2,'demo/test/000003','demo','','2026-11-28T19:46:30.587Z');
INSERT INTO "bookmarks" VALUES(3,'colours/colours/c2','colours','','2026-11-28T19:46:30.587Z');
CREATE TABLE cursors (name TEXT PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE tags (
        uid TEXT NOT NULL REFERENCES bookmarks(uid) ON DELETE CASCADE,
        tag TEXT NOT NULL,
        PRIMARY KEY (uid, tag)
    );
INSERT INTO "tags" VALUES('demo/test/000000','odd');
INSERT INTO "tags" VALUES('demo/test/000003','odd');
INSERT INTO "tags" VALUES('demo/test/000003','later');
INSERT INTO "tags" VALUES('colours/colours/c2','odd');
INSERT INTO "tags" VALUES('colours/colours/c2','later');
CREATE TABLE visits (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL, ts TEXT NOT NULL
    );
INSERT INTO "visits" VALUES(1,'demo/test/000001','2026-11-28T19:49:23.037Z');
INSERT INTO "visits" VALUES(2,'demo/test/000002','2026-11-28T19:49:24.313Z');
CREATE INDEX tags_by_tag ON tags(tag, uid);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('bookmarks',3);
INSERT INTO "sqlite_sequence" VALUES('visits',2);
COMMIT;
PRAGMA user_version = 1;
