-- +goose Up
-- What each source was asked and showed in each hour of the clock, and why it was not read.
CREATE TABLE ledger (
    source_id TEXT NOT NULL REFERENCES sources (id),
    hour      BIGINT NOT NULL,
    asked     BIGINT NOT NULL DEFAULT 0,
    shown     BIGINT NOT NULL DEFAULT 0,
    capped    BIGINT NOT NULL DEFAULT 0,
    refused   BIGINT NOT NULL DEFAULT 0,
    skipped   BIGINT NOT NULL DEFAULT 0,
    down      BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (source_id, hour)
);
CREATE INDEX ledger_hour ON ledger (hour);

-- Whose posts, by the time of the post, were all shown.
CREATE TABLE spans (
    source_id TEXT NOT NULL REFERENCES sources (id),
    from_at   BIGINT NOT NULL,
    to_at     BIGINT NOT NULL,
    PRIMARY KEY (source_id, from_at)
);

-- A run that began anew had no cursor to go on from; since_at is since when it has shown everything, 0 when its reader cannot tell.
ALTER TABLE runs ADD COLUMN anew BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE runs ADD COLUMN shown BIGINT NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN capped BIGINT NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN since_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX posts_url ON posts (url);
