-- +goose Up
-- facts is what the words of the row say, by the rules of facts_version, 0 when they were not read: spans of the text,
-- codes of divisions, intervals. numbers are keyed marks of the telephone numbers and the like in the words, by which copies
-- are joined; the numbers themselves stand in the words alone.
ALTER TABLE posts ADD COLUMN facts TEXT NOT NULL DEFAULT '{}';
ALTER TABLE posts ADD COLUMN facts_version BIGINT NOT NULL DEFAULT 0;
CREATE INDEX posts_facts ON posts (facts_version);

ALTER TABLE reports ADD COLUMN facts TEXT NOT NULL DEFAULT '{}';
ALTER TABLE reports ADD COLUMN facts_version BIGINT NOT NULL DEFAULT 0;
CREATE INDEX reports_facts ON reports (facts_version);

CREATE TABLE numbers (
    mark      TEXT NOT NULL,
    post_id   TEXT REFERENCES posts (id) ON DELETE CASCADE,
    report_id TEXT REFERENCES reports (id) ON DELETE CASCADE,
    CHECK ((post_id IS NULL) <> (report_id IS NULL))
);
CREATE INDEX numbers_mark ON numbers (mark);
CREATE INDEX numbers_post ON numbers (post_id);
CREATE INDEX numbers_report ON numbers (report_id);
