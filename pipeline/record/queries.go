package record

import (
	"context"
	"database/sql"
	"time"
)

// SavedQuery is a search that a person keeps, to be told when something new fits it. Query is in the syntax of search.Parse.
type SavedQuery struct {
	ID, UserID, Name, Query string
	PausedAt                time.Time // not evaluated while set; never deleted by the program
	PauseWhy                string
	CreatedAt, UpdatedAt    time.Time
	Version                 int64
}

const queryColumns = `id, user_id, name, query, paused_at, pause_why, created_at, updated_at, version`

func scanQuery(r scanner, q *SavedQuery) error {
	return r.Scan(&q.ID, &q.UserID, &q.Name, &q.Query, when{&q.PausedAt}, &q.PauseWhy, when{&q.CreatedAt}, when{&q.UpdatedAt}, &q.Version)
}

// AddSavedQuery stores a new saved query.
func (s *Store) AddSavedQuery(ctx context.Context, tx *sql.Tx, q SavedQuery) (string, error) {
	id := NewID()
	_, err := exec(ctx, "add saved query", tx, `INSERT INTO saved_queries (`+queryColumns+`) VALUES ($1,$2,$3,$4,0,'',$5,$5,1)`, id, q.UserID, q.Name, q.Query, s.now())
	return id, err
}

// ChangeSavedQuery stores name, query and pause. ErrStale when q.Version is not the one stored.
func (s *Store) ChangeSavedQuery(ctx context.Context, tx *sql.Tx, q SavedQuery) error {
	return must(ctx, "change saved query", tx, ErrStale, `UPDATE saved_queries SET name=$1, query=$2, paused_at=$3, pause_why=$4, updated_at=$5, version=version+1 WHERE id=$6 AND version=$7`,
		q.Name, q.Query, ms(q.PausedAt), q.PauseWhy, s.now(), q.ID, q.Version)
}

// DropSavedQuery deletes a saved query with its subscriptions and their deliveries.
func (s *Store) DropSavedQuery(ctx context.Context, tx *sql.Tx, id string) error {
	return must(ctx, "drop saved query", tx, ErrNotFound, `DELETE FROM saved_queries WHERE id=$1`, id)
}

// SavedQuery reads one saved query.
func (s *Store) SavedQuery(ctx context.Context, tx *sql.Tx, id string) (SavedQuery, error) {
	return one("saved query", s.from(tx).QueryRowContext(ctx, `SELECT `+queryColumns+` FROM saved_queries WHERE id=$1`, id), scanQuery)
}

// SavedQueriesOf lists a person's saved queries by name.
func (s *Store) SavedQueriesOf(ctx context.Context, tx *sql.Tx, userID string) ([]SavedQuery, error) {
	return all(ctx, "saved queries", s.from(tx), scanQuery, `SELECT `+queryColumns+` FROM saved_queries WHERE user_id=$1 ORDER BY name, id`, userID)
}

// ActiveSavedQueries lists the saved queries that new posts are held against: not paused, their owner not disabled.
func (s *Store) ActiveSavedQueries(ctx context.Context, tx *sql.Tx) ([]SavedQuery, error) {
	return all(ctx, "active saved queries", s.from(tx), scanQuery, `SELECT `+queryColumns+` FROM saved_queries WHERE paused_at=0
		AND user_id IN (SELECT id FROM users WHERE disabled_at=0) ORDER BY id`)
}

// The channels of a subscription.
const (
	Inbox   = "inbox"
	Mail    = "mail"
	Webhook = "webhook"
)

// Subscription tells its owner of what a saved query finds or, without one, of new leads. Target (a mail address or URL) and
// Secret (a webhook's signing key) are sealed by the caller.
type Subscription struct {
	ID, UserID, SavedQueryID, Channel string
	Target, Secret                    []byte
	Lang                              string
	StoppedAt                         time.Time
	StopWhy                           string
	CreatedAt                         time.Time
}

const subscriptionColumns = `id, user_id, saved_query_id, channel, target, secret, lang, stopped_at, stop_why, created_at`

func scanSubscription(r scanner, v *Subscription) error {
	return r.Scan(&v.ID, &v.UserID, text{&v.SavedQueryID}, &v.Channel, &v.Target, &v.Secret, &v.Lang, when{&v.StoppedAt}, &v.StopWhy, when{&v.CreatedAt})
}

// AddSubscription stores a new subscription.
func (s *Store) AddSubscription(ctx context.Context, tx *sql.Tx, v Subscription) (string, error) {
	id := NewID()
	_, err := exec(ctx, "add subscription", tx, `INSERT INTO subscriptions (`+subscriptionColumns+`) VALUES ($1,$2,$3,$4,$5,$6,$7,0,'',$8)`,
		id, v.UserID, null(v.SavedQueryID), v.Channel, v.Target, v.Secret, v.Lang, s.now())
	return id, err
}

// DropSubscription deletes a subscription with its deliveries.
func (s *Store) DropSubscription(ctx context.Context, tx *sql.Tx, id string) error {
	return must(ctx, "drop subscription", tx, ErrNotFound, `DELETE FROM subscriptions WHERE id=$1`, id)
}

// StopSubscription ends a subscription whose target refused for good; its owner sees why.
func (s *Store) StopSubscription(ctx context.Context, tx *sql.Tx, id, why string) error {
	_, err := exec(ctx, "stop subscription", tx, `UPDATE subscriptions SET stopped_at=$1, stop_why=$2 WHERE id=$3 AND stopped_at=0`, s.now(), why, id)
	return err
}

// Subscription reads one subscription.
func (s *Store) Subscription(ctx context.Context, tx *sql.Tx, id string) (Subscription, error) {
	return one("subscription", s.from(tx).QueryRowContext(ctx, `SELECT `+subscriptionColumns+` FROM subscriptions WHERE id=$1`, id), scanSubscription)
}

// SubscriptionsOfQuery lists the ways a saved query's hits are delivered.
func (s *Store) SubscriptionsOfQuery(ctx context.Context, tx *sql.Tx, queryID string) ([]Subscription, error) {
	return all(ctx, "subscriptions", s.from(tx), scanSubscription, `SELECT `+subscriptionColumns+` FROM subscriptions WHERE saved_query_id=$1 ORDER BY created_at, id`, queryID)
}

// SubscriptionsOfUser lists a person's subscriptions.
func (s *Store) SubscriptionsOfUser(ctx context.Context, tx *sql.Tx, userID string) ([]Subscription, error) {
	return all(ctx, "subscriptions", s.from(tx), scanSubscription, `SELECT `+subscriptionColumns+` FROM subscriptions WHERE user_id=$1 ORDER BY created_at, id`, userID)
}

// LeadSubscriptions lists the subscriptions to new leads.
func (s *Store) LeadSubscriptions(ctx context.Context, tx *sql.Tx) ([]Subscription, error) {
	return all(ctx, "subscriptions", s.from(tx), scanSubscription, `SELECT `+subscriptionColumns+` FROM subscriptions WHERE saved_query_id IS NULL AND stopped_at=0
		AND user_id IN (SELECT id FROM users WHERE disabled_at=0) ORDER BY created_at, id`)
}

// The states of a delivery.
const (
	DeliveryWaiting = "waiting"
	DeliverySent    = "sent" // accepted by the other side; for the inbox: there
	DeliveryDead    = "dead" // refused for good; Error says why
)

// Delivery is one alert to one subscription about one post or lead. Its id is the same for all tries, so that a receiver
// can tell a repeat.
type Delivery struct {
	ID, SubscriptionID, UserID, SavedQueryID string
	Subject, SubjectKind                     string // id of a post or lead, and which
	PictureID                                string // the first picture of the post, for grouping
	Channel, Why                             string // Why: what of the query was met; shown after sign-in only
	State                                    string
	Tries                                    int
	Error                                    string
	CreatedAt, SentAt, DoneAt                time.Time
	Useful                                   string // yes, no or empty
}

const deliveryColumns = `id, subscription_id, user_id, saved_query_id, subject, subject_kind, picture_id, channel, why, state, tries, error, created_at, sent_at, done_at, useful`

func scanDelivery(r scanner, d *Delivery) error {
	return r.Scan(&d.ID, &d.SubscriptionID, &d.UserID, &d.SavedQueryID, &d.Subject, &d.SubjectKind, &d.PictureID, &d.Channel, &d.Why, &d.State, &d.Tries, &d.Error,
		when{&d.CreatedAt}, when{&d.SentAt}, when{&d.DoneAt}, &d.Useful)
}

// AddDelivery stores an alert unless this subscription was told of this subject before; it says whether it was new.
func (s *Store) AddDelivery(ctx context.Context, tx *sql.Tx, d Delivery) (id string, fresh bool, err error) {
	id = NewID()
	now := s.now()
	d.State = DeliveryWaiting
	var sent int64
	if d.Channel == Inbox {
		d.State, sent = DeliverySent, now
	}
	n, err := exec(ctx, "add delivery", tx, `INSERT INTO deliveries (`+deliveryColumns+`) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,0,'',$11,$12,0,'')
		ON CONFLICT (subscription_id, subject) DO NOTHING`,
		id, d.SubscriptionID, d.UserID, d.SavedQueryID, d.Subject, d.SubjectKind, d.PictureID, d.Channel, d.Why, d.State, now, sent)
	return id, n == 1, err
}

// Delivery reads one alert.
func (s *Store) Delivery(ctx context.Context, tx *sql.Tx, id string) (Delivery, error) {
	return one("delivery", s.from(tx).QueryRowContext(ctx, `SELECT `+deliveryColumns+` FROM deliveries WHERE id=$1`, id), scanDelivery)
}

// SetDelivery notes how a try ended: accepted (DeliverySent), to be tried again (DeliveryWaiting) or refused for good
// (DeliveryDead). A delivery that was sent stays sent.
func (s *Store) SetDelivery(ctx context.Context, tx *sql.Tx, id, state, why string) error {
	var sent int64
	if state == DeliverySent {
		sent = s.now()
	}
	_, err := exec(ctx, "set delivery", tx, `UPDATE deliveries SET state=$1, error=$2, tries=tries+1, sent_at=$3 WHERE id=$4 AND state<>'sent'`, state, why, sent, id)
	return err
}

// InboxOf lists a person's alerts in the web inbox, newest first, before the given instant where it is set.
func (s *Store) InboxOf(ctx context.Context, tx *sql.Tx, userID string, before time.Time, most int) ([]Delivery, error) {
	b := ms(before)
	if b == 0 {
		b = 1 << 62
	}
	return all(ctx, "inbox", s.from(tx), scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries WHERE user_id=$1 AND channel='inbox' AND created_at < $2
		ORDER BY created_at DESC, id LIMIT $3`, userID, b, most)
}

// DeliveriesOfQuery lists what a saved query has sent, newest first.
func (s *Store) DeliveriesOfQuery(ctx context.Context, tx *sql.Tx, queryID string, most int) ([]Delivery, error) {
	return all(ctx, "deliveries", s.from(tx), scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries WHERE saved_query_id=$1 ORDER BY created_at DESC, id LIMIT $2`, queryID, most)
}

// EachDelivery calls fn for every delivery.
func (s *Store) EachDelivery(ctx context.Context, fn func(Delivery) error) error {
	return each(ctx, "deliveries", s.read, scanDelivery, fn, `SELECT `+deliveryColumns+` FROM deliveries ORDER BY created_at, id`)
}

// JudgeDelivery stores what the owner said of an alert: done, and whether it was useful (yes, no or empty).
func (s *Store) JudgeDelivery(ctx context.Context, tx *sql.Tx, id, userID, useful string) error {
	return must(ctx, "judge delivery", tx, ErrNotFound, `UPDATE deliveries SET done_at=$1, useful=$2 WHERE id=$3 AND user_id=$4`, s.now(), useful, id, userID)
}
