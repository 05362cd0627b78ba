-- +goose Up
-- A lead joins a photo of a report and a picture, or, of the kind facts, a report and another document.
CREATE TABLE leads_new (
    id              TEXT PRIMARY KEY,
    report_id       TEXT NOT NULL REFERENCES reports (id),
    report_photo_id TEXT REFERENCES photos (id),
    picture_id      TEXT REFERENCES pictures (id),
    post_id         TEXT REFERENCES posts (id),
    other_id        TEXT REFERENCES reports (id),
    pair            TEXT NOT NULL,
    kind            TEXT NOT NULL,
    distance        BIGINT NOT NULL,
    state           TEXT NOT NULL,
    owner           TEXT NOT NULL DEFAULT '',
    next_at         BIGINT NOT NULL DEFAULT 0,
    merged_into     TEXT NOT NULL DEFAULT '',
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    version         BIGINT NOT NULL DEFAULT 1,
    CHECK (kind <> 'facts' AND report_photo_id IS NOT NULL AND picture_id IS NOT NULL AND post_id IS NULL AND other_id IS NULL
        OR kind = 'facts' AND report_photo_id IS NULL AND picture_id IS NULL AND (post_id IS NULL) <> (other_id IS NULL))
);
INSERT INTO leads_new (id, report_id, report_photo_id, picture_id, pair, kind, distance, state, owner, next_at, merged_into, created_at, updated_at, version)
    SELECT id, report_id, report_photo_id, picture_id, pair, kind, distance, state, owner, next_at, merged_into, created_at, updated_at, version FROM leads;
CREATE TABLE sightings_new (
    lead_id    TEXT NOT NULL REFERENCES leads_new (id) ON DELETE CASCADE,
    photo_id   TEXT NOT NULL REFERENCES photos (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL,
    distance   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (lead_id, photo_id)
);
INSERT INTO sightings_new SELECT lead_id, photo_id, kind, distance, created_at FROM sightings;
DROP TABLE sightings;
DROP TABLE leads;
ALTER TABLE leads_new RENAME TO leads;
ALTER TABLE sightings_new RENAME TO sightings;
CREATE UNIQUE INDEX leads_pair ON leads (report_photo_id, picture_id) WHERE merged_into = '';
CREATE INDEX leads_picture ON leads (picture_id);
CREATE INDEX leads_report ON leads (report_id);
CREATE INDEX leads_state ON leads (state, created_at);
CREATE INDEX sightings_photo ON sightings (photo_id);
CREATE UNIQUE INDEX leads_post ON leads (report_id, post_id) WHERE post_id IS NOT NULL;
CREATE UNIQUE INDEX leads_other ON leads (report_id, other_id) WHERE other_id IS NOT NULL;
CREATE INDEX leads_of_post ON leads (post_id) WHERE post_id IS NOT NULL;
CREATE INDEX leads_of_other ON leads (other_id) WHERE other_id IS NOT NULL;

-- By which version of the rules a report's pairs were looked for.
ALTER TABLE reports ADD COLUMN paired BIGINT NOT NULL DEFAULT 0;
CREATE INDEX reports_paired ON reports (paired);
