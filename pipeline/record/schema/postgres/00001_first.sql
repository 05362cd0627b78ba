-- +goose Up
-- Times are Unix milliseconds, zero when unknown. Ids are random text of at least 128 bits. Sealed columns hold bytes
-- that only the key file opens.
CREATE TABLE users (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    password    TEXT NOT NULL,
    factor      BYTEA,
    factor_step BIGINT NOT NULL DEFAULT 0,
    roles       TEXT NOT NULL,
    area        TEXT NOT NULL DEFAULT '',
    lang        TEXT NOT NULL DEFAULT '',
    zone        TEXT NOT NULL DEFAULT '',
    created_by  TEXT NOT NULL DEFAULT '',
    created_at  BIGINT NOT NULL,
    seen_at     BIGINT NOT NULL DEFAULT 0,
    disabled_at BIGINT NOT NULL DEFAULT 0,
    version     BIGINT NOT NULL DEFAULT 1
);

CREATE TABLE links (
    mark       TEXT PRIMARY KEY,
    purpose    TEXT NOT NULL,
    user_id    TEXT NOT NULL DEFAULT '',
    roles      TEXT NOT NULL DEFAULT '',
    area       TEXT NOT NULL DEFAULT '',
    created_by TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE sessions (
    mark       TEXT PRIMARY KEY,
    user_id    TEXT NOT NULL DEFAULT '',
    data       BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE attempts (
    id   TEXT PRIMARY KEY,
    mark TEXT NOT NULL,
    at   BIGINT NOT NULL
);
CREATE INDEX attempts_mark ON attempts (mark, at);

CREATE TABLE sources (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    reader        TEXT NOT NULL,
    config        TEXT NOT NULL,
    cron          TEXT NOT NULL,
    time_zone     TEXT NOT NULL,
    jitter_ms     BIGINT NOT NULL DEFAULT 0,
    rate_every_ms BIGINT NOT NULL DEFAULT 0,
    rate_parallel BIGINT NOT NULL DEFAULT 1,
    enabled       BOOLEAN NOT NULL DEFAULT FALSE,
    purpose       TEXT NOT NULL DEFAULT '',
    basis         TEXT NOT NULL DEFAULT '',
    approved_by   TEXT NOT NULL DEFAULT '',
    review_at     BIGINT NOT NULL DEFAULT 0,
    place         TEXT NOT NULL DEFAULT '',
    cursor        TEXT NOT NULL DEFAULT '',
    scheduled_at  BIGINT NOT NULL DEFAULT 0,
    next_run      BIGINT NOT NULL DEFAULT 0,
    last_run      BIGINT NOT NULL DEFAULT 0,
    last_new      BIGINT NOT NULL DEFAULT 0,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    version       BIGINT NOT NULL DEFAULT 1,
    CHECK (NOT enabled OR (purpose <> '' AND basis <> '' AND approved_by <> '' AND review_at > 0))
);
CREATE INDEX sources_due ON sources (next_run) WHERE enabled;

CREATE TABLE runs (
    id           TEXT PRIMARY KEY,
    source_id    TEXT NOT NULL REFERENCES sources (id),
    cause        TEXT NOT NULL,
    state        TEXT NOT NULL,
    scheduled_at BIGINT NOT NULL,
    started_at   BIGINT NOT NULL DEFAULT 0,
    ended_at     BIGINT NOT NULL DEFAULT 0,
    asked        BIGINT NOT NULL DEFAULT 0,
    fetched      BIGINT NOT NULL DEFAULT 0,
    not_modified BIGINT NOT NULL DEFAULT 0,
    fresh        BIGINT NOT NULL DEFAULT 0,
    duplicate    BIGINT NOT NULL DEFAULT 0,
    refused      BIGINT NOT NULL DEFAULT 0,
    failed       BIGINT NOT NULL DEFAULT 0,
    why          TEXT NOT NULL DEFAULT '',
    detail       TEXT NOT NULL DEFAULT ''
);
CREATE INDEX runs_source ON runs (source_id, scheduled_at);
CREATE INDEX runs_time ON runs (scheduled_at);
CREATE UNIQUE INDEX runs_open ON runs (source_id) WHERE ended_at = 0;

CREATE TABLE posts (
    id         TEXT PRIMARY KEY,
    source_id  TEXT NOT NULL REFERENCES sources (id),
    native_id  TEXT NOT NULL,
    url        TEXT NOT NULL,
    kind       TEXT NOT NULL,
    author     TEXT NOT NULL,
    text       TEXT NOT NULL,
    place      TEXT NOT NULL,
    lang       TEXT NOT NULL,
    tags       TEXT NOT NULL,
    quoted_id  TEXT NOT NULL,
    raw_at     TEXT NOT NULL,
    posted_at  BIGINT NOT NULL,
    precision  TEXT NOT NULL,
    edited_at  BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    sensitive  BOOLEAN NOT NULL,
    state      TEXT NOT NULL,
    step       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    expires_at BIGINT NOT NULL DEFAULT 0,
    UNIQUE (source_id, native_id)
);
CREATE INDEX posts_time ON posts (posted_at, id);
CREATE INDEX posts_step ON posts (step) WHERE step <> 'related';
CREATE INDEX posts_seen ON posts (seen_at);

CREATE TABLE reports (
    id           TEXT PRIMARY KEY,
    kind         TEXT NOT NULL,
    number       TEXT NOT NULL,
    name         TEXT NOT NULL,
    other_names  TEXT NOT NULL,
    sex          TEXT NOT NULL,
    birth        TEXT NOT NULL,
    lost_text    TEXT NOT NULL,
    lost_from    BIGINT NOT NULL,
    lost_to      BIGINT NOT NULL,
    place        TEXT NOT NULL,
    height_cm    BIGINT NOT NULL,
    features     TEXT NOT NULL,
    dna          TEXT NOT NULL,
    police       TEXT NOT NULL,
    contact      BYTEA,
    source_name  TEXT NOT NULL,
    source_url   TEXT NOT NULL,
    status       TEXT NOT NULL,
    step         TEXT NOT NULL,
    created_by   TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    closed_at    BIGINT NOT NULL DEFAULT 0,
    version      BIGINT NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX reports_number ON reports (source_name, number) WHERE number <> '';
CREATE INDEX reports_time ON reports (created_at, id);

CREATE TABLE pictures (
    id         TEXT PRIMARY KEY,
    created_at BIGINT NOT NULL
);

CREATE TABLE photos (
    id         TEXT PRIMARY KEY,
    post_id    TEXT REFERENCES posts (id),
    report_id  TEXT REFERENCES reports (id),
    ordinal    BIGINT NOT NULL,
    url        TEXT NOT NULL,
    fallback   TEXT NOT NULL DEFAULT '',
    alt        TEXT NOT NULL DEFAULT '',
    state      TEXT NOT NULL,
    why        TEXT NOT NULL DEFAULT '',
    sha256     TEXT NOT NULL DEFAULT '',
    format     TEXT NOT NULL DEFAULT '',
    width      BIGINT NOT NULL DEFAULT 0,
    height     BIGINT NOT NULL DEFAULT 0,
    sharp      TEXT NOT NULL DEFAULT '',
    blurred    TEXT NOT NULL DEFAULT '',
    grey       TEXT NOT NULL DEFAULT '',
    picture_id TEXT REFERENCES pictures (id),
    matchable  BOOLEAN NOT NULL DEFAULT FALSE,
    created_at BIGINT NOT NULL,
    kept_at    BIGINT NOT NULL DEFAULT 0,
    CHECK ((post_id IS NULL) <> (report_id IS NULL)),
    CHECK (state <> 'kept' OR (sha256 <> '' AND blurred <> ''))
);
CREATE UNIQUE INDEX photos_post ON photos (post_id, url) WHERE post_id IS NOT NULL;
CREATE UNIQUE INDEX photos_report ON photos (report_id, url) WHERE report_id IS NOT NULL;
CREATE INDEX photos_picture ON photos (picture_id);
CREATE INDEX photos_sha256 ON photos (sha256);
CREATE INDEX photos_kept ON photos (kept_at) WHERE state = 'kept';

CREATE TABLE prints (
    photo_id TEXT NOT NULL REFERENCES photos (id) ON DELETE CASCADE,
    algo     TEXT NOT NULL,
    x0       BIGINT NOT NULL,
    y0       BIGINT NOT NULL,
    x1       BIGINT NOT NULL,
    y1       BIGINT NOT NULL,
    bits     BYTEA NOT NULL,
    PRIMARY KEY (photo_id, algo, x0, y0, x1, y1)
);

CREATE TABLE leads (
    id              TEXT PRIMARY KEY,
    report_id       TEXT NOT NULL REFERENCES reports (id),
    report_photo_id TEXT NOT NULL REFERENCES photos (id),
    picture_id      TEXT NOT NULL REFERENCES pictures (id),
    pair            TEXT NOT NULL,
    kind            TEXT NOT NULL,
    distance        BIGINT NOT NULL,
    state           TEXT NOT NULL,
    owner           TEXT NOT NULL DEFAULT '',
    next_at         BIGINT NOT NULL DEFAULT 0,
    merged_into     TEXT NOT NULL DEFAULT '',
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    version         BIGINT NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX leads_pair ON leads (report_photo_id, picture_id) WHERE merged_into = '';
CREATE INDEX leads_picture ON leads (picture_id);
CREATE INDEX leads_report ON leads (report_id);
CREATE INDEX leads_state ON leads (state, created_at);

CREATE TABLE sightings (
    lead_id    TEXT NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    photo_id   TEXT NOT NULL REFERENCES photos (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL,
    distance   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (lead_id, photo_id)
);
CREATE INDEX sightings_photo ON sightings (photo_id);

CREATE TABLE verdicts (
    id              TEXT PRIMARY KEY,
    report_photo_id TEXT NOT NULL,
    picture_id      TEXT NOT NULL,
    user_id         TEXT NOT NULL REFERENCES users (id),
    decision        TEXT NOT NULL,
    reason          TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    undone_at       BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX verdicts_pair ON verdicts (report_photo_id, picture_id);

CREATE TABLE saved_queries (
    id         TEXT PRIMARY KEY,
    user_id    TEXT NOT NULL REFERENCES users (id),
    name       TEXT NOT NULL,
    query      TEXT NOT NULL,
    paused_at  BIGINT NOT NULL DEFAULT 0,
    pause_why  TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version    BIGINT NOT NULL DEFAULT 1
);
CREATE INDEX saved_queries_user ON saved_queries (user_id);

CREATE TABLE subscriptions (
    id             TEXT PRIMARY KEY,
    user_id        TEXT NOT NULL REFERENCES users (id),
    saved_query_id TEXT REFERENCES saved_queries (id) ON DELETE CASCADE,
    channel        TEXT NOT NULL,
    target         BYTEA,
    secret         BYTEA,
    lang           TEXT NOT NULL DEFAULT '',
    stopped_at     BIGINT NOT NULL DEFAULT 0,
    stop_why       TEXT NOT NULL DEFAULT '',
    created_at     BIGINT NOT NULL
);
CREATE INDEX subscriptions_query ON subscriptions (saved_query_id);
CREATE INDEX subscriptions_user ON subscriptions (user_id);

CREATE TABLE deliveries (
    id              TEXT PRIMARY KEY,
    subscription_id TEXT NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    user_id         TEXT NOT NULL,
    saved_query_id  TEXT NOT NULL,
    subject         TEXT NOT NULL,
    subject_kind    TEXT NOT NULL,
    picture_id      TEXT NOT NULL DEFAULT '',
    channel         TEXT NOT NULL,
    why             TEXT NOT NULL,
    state           TEXT NOT NULL,
    tries           BIGINT NOT NULL DEFAULT 0,
    error           TEXT NOT NULL DEFAULT '',
    created_at      BIGINT NOT NULL,
    sent_at         BIGINT NOT NULL DEFAULT 0,
    done_at         BIGINT NOT NULL DEFAULT 0,
    useful          TEXT NOT NULL DEFAULT '',
    UNIQUE (subscription_id, subject)
);
CREATE INDEX deliveries_user ON deliveries (user_id, channel, created_at);
CREATE INDEX deliveries_state ON deliveries (state) WHERE state = 'waiting';
CREATE INDEX deliveries_subject ON deliveries (subject);

CREATE TABLE audit (
    seq     BIGINT PRIMARY KEY,
    segment TEXT NOT NULL,
    at      BIGINT NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    object  TEXT NOT NULL,
    detail  TEXT NOT NULL,
    hash    TEXT NOT NULL
);
CREATE INDEX audit_segment ON audit (segment);
CREATE INDEX audit_actor ON audit (actor, action, at);

CREATE TABLE audit_segments (
    segment    TEXT PRIMARY KEY,
    first_seq  BIGINT NOT NULL,
    last_seq   BIGINT NOT NULL,
    last_hash  TEXT NOT NULL,
    dropped_at BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE tombstones (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    mark       TEXT NOT NULL,
    sealed     BYTEA,
    reason     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX tombstones_mark ON tombstones (mark);

CREATE TABLE changes (
    doc_id TEXT PRIMARY KEY,
    kind   TEXT NOT NULL,
    seq    BIGINT NOT NULL UNIQUE
);

CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    n    BIGINT NOT NULL
);
INSERT INTO counters (name, n) VALUES ('changes', 0), ('relate', 0), ('people', 0), ('audit', 0);

CREATE TABLE pace (
    host       TEXT NOT NULL,
    slot       BIGINT NOT NULL,
    holder     TEXT NOT NULL DEFAULT '',
    held_until BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (host, slot)
);

CREATE TABLE pace_hosts (
    host       TEXT PRIMARY KEY,
    next_at    BIGINT NOT NULL DEFAULT 0,
    not_before BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE robots (
    origin     TEXT PRIMARY KEY,
    entry      TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE workers (
    id         TEXT PRIMARY KEY,
    started_at BIGINT NOT NULL,
    beat_at    BIGINT NOT NULL
);
