-- +goose Up
CREATE TABLE features (
    photo_id TEXT PRIMARY KEY REFERENCES photos (id) ON DELETE CASCADE,
    data     BLOB NOT NULL
);

-- What the matcher found between two photos, with where they overlap.
CREATE TABLE ties (
    query_id   TEXT NOT NULL REFERENCES photos (id) ON DELETE CASCADE,
    known_id   TEXT NOT NULL REFERENCES photos (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL,
    mirrored   BOOLEAN NOT NULL,
    distance   BIGINT NOT NULL,
    geometry   TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (query_id, known_id)
);
CREATE INDEX ties_known ON ties (known_id);

-- Generations of reports: the one a photo was first looked at with, and the one it was last compared with by every means.
ALTER TABLE photos ADD COLUMN looked BIGINT NOT NULL DEFAULT 0;
ALTER TABLE photos ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;
CREATE INDEX photos_generation ON photos (generation, id) WHERE state = 'kept';
INSERT INTO counters (name, n) VALUES ('matching', 1);

-- Every member of a picture is a copy of its reference. A picture put aside makes no leads.
ALTER TABLE pictures ADD COLUMN reference_id TEXT NOT NULL DEFAULT '';
ALTER TABLE pictures ADD COLUMN aside TEXT NOT NULL DEFAULT '';
ALTER TABLE pictures ADD COLUMN aside_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX pictures_aside ON pictures (aside_at) WHERE aside <> '';

-- Pictures known to be harmless, by their fingerprints.
CREATE TABLE harmless (
    id          TEXT PRIMARY KEY,
    label       TEXT NOT NULL,
    prints      TEXT NOT NULL,
    picture_id  TEXT NOT NULL,
    created_by  TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    created_at  BIGINT NOT NULL
);

-- Changes that take two people: one proposes, another decides.
CREATE TABLE proposals (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    detail      TEXT NOT NULL,
    preview     TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    proposed_at BIGINT NOT NULL,
    decided_by  TEXT NOT NULL DEFAULT '',
    decided_at  BIGINT NOT NULL DEFAULT 0,
    decision    TEXT NOT NULL DEFAULT ''
);
CREATE INDEX proposals_open ON proposals (kind) WHERE decision = '';

CREATE TABLE settings (
    name       TEXT PRIMARY KEY,
    value      TEXT NOT NULL,
    changed_at BIGINT NOT NULL
);
