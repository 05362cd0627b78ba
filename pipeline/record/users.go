package record

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"
)

// Role is what a person may do; a person can hold several. What is not granted by a role is denied.
type Role string

// The roles of those with an account. A relative has none.
const (
	Activist  Role = "activist"
	Volunteer Role = "volunteer"
	Reviewer  Role = "reviewer"
	Admin     Role = "admin"
	Auditor   Role = "auditor"
)

// Roles lists every role, in the order they are shown.
func Roles() []Role { return []Role{Activist, Volunteer, Reviewer, Admin, Auditor} }

// User is a person with an account. Password is a hash; Factor, the second factor's secret, is sealed by the caller.
type User struct {
	ID, Name, Password    string
	Factor                []byte
	FactorStep            int64 // the last time step whose code was used, so that none is used twice
	Roles                 []Role
	Area                  string // the place whose items are theirs
	Lang, Zone, CreatedBy string
	CreatedAt, SeenAt     time.Time
	DisabledAt            time.Time
	Version               int64
}

// Is reports whether the person holds the role.
func (u User) Is(r Role) bool { return slices.Contains(u.Roles, r) }

const userColumns = `id, name, password, factor, factor_step, roles, area, lang, zone, created_by, created_at, seen_at, disabled_at, version`

func joinRoles(roles []Role) string {
	s := make([]string, len(roles))
	for i, r := range roles {
		s[i] = string(r)
	}
	return strings.Join(s, " ")
}

func splitRoles(s string) []Role {
	var roles []Role
	for _, r := range strings.Fields(s) {
		roles = append(roles, Role(r))
	}
	return roles
}

func scanUser(r scanner, u *User) error {
	var roles string
	err := r.Scan(&u.ID, &u.Name, &u.Password, &u.Factor, &u.FactorStep, &roles, &u.Area, &u.Lang, &u.Zone, &u.CreatedBy, when{&u.CreatedAt}, when{&u.SeenAt}, when{&u.DisabledAt}, &u.Version)
	u.Roles = splitRoles(roles)
	return err
}

// AddUser stores a new person. A taken name is ErrExists.
func (s *Store) AddUser(ctx context.Context, tx *sql.Tx, u User) (string, error) {
	id := NewID()
	_, err := exec(ctx, "add user", tx, `INSERT INTO users (`+userColumns+`) VALUES ($1,$2,$3,$4,0,$5,$6,$7,$8,$9,$10,0,0,1)`,
		id, u.Name, u.Password, u.Factor, joinRoles(u.Roles), u.Area, u.Lang, u.Zone, u.CreatedBy, s.now())
	return id, err
}

// ChangeUser stores all that can be edited of a person. When roles, password, factor or the disabling change, the person's
// sessions and tokens end in the same transaction. ErrStale when u.Version is not the one stored.
func (s *Store) ChangeUser(ctx context.Context, tx *sql.Tx, u User) error {
	had, err := s.User(ctx, tx, u.ID)
	if err != nil {
		return err
	}
	err = must(ctx, "change user", tx, ErrStale, `UPDATE users SET name=$1, password=$2, factor=$3, factor_step=$4, roles=$5, area=$6, lang=$7, zone=$8, disabled_at=$9, version=version+1
		WHERE id=$10 AND version=$11`, u.Name, u.Password, u.Factor, u.FactorStep, joinRoles(u.Roles), u.Area, u.Lang, u.Zone, ms(u.DisabledAt), u.ID, u.Version)
	if err != nil {
		return err
	}
	if had.Password == u.Password && string(had.Factor) == string(u.Factor) && slices.Equal(had.Roles, u.Roles) && had.DisabledAt.Equal(u.DisabledAt) {
		return nil
	}
	if err := s.RevokeTokensOf(ctx, tx, u.ID); err != nil {
		return err
	}
	return s.EndSessionsOf(ctx, tx, u.ID)
}

// UseFactorStep marks a code's time step as used; ErrStale when it, or a later one, was used before.
func (s *Store) UseFactorStep(ctx context.Context, tx *sql.Tx, userID string, step int64) error {
	return must(ctx, "use code", tx, ErrStale, `UPDATE users SET factor_step=$1 WHERE id=$2 AND factor_step < $1`, step, userID)
}

// SeeUser notes that a person was here.
func (s *Store) SeeUser(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := exec(ctx, "see user", tx, `UPDATE users SET seen_at=$1 WHERE id=$2`, s.now(), id)
	return err
}

// SetUserLang remembers the language a person chose.
func (s *Store) SetUserLang(ctx context.Context, tx *sql.Tx, id, lang string) error {
	_, err := exec(ctx, "set language", tx, `UPDATE users SET lang=$1 WHERE id=$2`, lang, id)
	return err
}

// User reads one person.
func (s *Store) User(ctx context.Context, tx *sql.Tx, id string) (User, error) {
	return one("user", s.from(tx).QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE id=$1`, id), scanUser)
}

// UserNamed reads one person by name.
func (s *Store) UserNamed(ctx context.Context, tx *sql.Tx, name string) (User, error) {
	return one("user", s.from(tx).QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE name=$1`, name), scanUser)
}

// Users lists everybody by name.
func (s *Store) Users(ctx context.Context, tx *sql.Tx) ([]User, error) {
	return all(ctx, "users", s.from(tx), scanUser, `SELECT `+userColumns+` FROM users ORDER BY name`)
}

// LockPeople makes this transaction the only one that gives accounts until it ends.
func (s *Store) LockPeople(ctx context.Context, tx *sql.Tx) error {
	_, err := next(ctx, tx, "people")
	return err
}

// Link is a one-time link: an invitation, the first admin's, or a recovery that another person began. Mark is a hash of
// its token; the token itself is stored nowhere.
type Link struct {
	Mark, Purpose, UserID string
	Roles                 []Role
	Area, CreatedBy       string
	CreatedAt, ExpiresAt  time.Time
	UsedAt                time.Time
}

const linkColumns = `mark, purpose, user_id, roles, area, created_by, created_at, expires_at, used_at`

func scanLink(r scanner, l *Link) error {
	var roles string
	err := r.Scan(&l.Mark, &l.Purpose, &l.UserID, &roles, &l.Area, &l.CreatedBy, when{&l.CreatedAt}, when{&l.ExpiresAt}, when{&l.UsedAt})
	l.Roles = splitRoles(roles)
	return err
}

// AddLink stores a one-time link.
func (s *Store) AddLink(ctx context.Context, tx *sql.Tx, l Link) error {
	_, err := exec(ctx, "add link", tx, `INSERT INTO links (`+linkColumns+`) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,0)`, l.Mark, l.Purpose, l.UserID, joinRoles(l.Roles), l.Area, l.CreatedBy, s.now(), ms(l.ExpiresAt))
	return err
}

// Link reads a link that can still be used; used, expired and unknown ones are ErrNotFound alike.
func (s *Store) Link(ctx context.Context, tx *sql.Tx, mark string) (Link, error) {
	return one("link", s.from(tx).QueryRowContext(ctx, `SELECT `+linkColumns+` FROM links WHERE mark=$1 AND used_at=0 AND expires_at > $2`, mark, s.now()), scanLink)
}

// UseLink spends a link; of two who try, one gets ErrNotFound.
func (s *Store) UseLink(ctx context.Context, tx *sql.Tx, mark string) error {
	return must(ctx, "use link", tx, ErrNotFound, `UPDATE links SET used_at=$1 WHERE mark=$2 AND used_at=0 AND expires_at > $1`, s.now(), mark)
}

// Session is a signed-in browser. Mark is a hash of its token. Data is the session library's.
type Session struct {
	Mark, UserID         string
	Data                 []byte
	CreatedAt, ExpiresAt time.Time
}

const sessionColumns = `mark, user_id, data, created_at, expires_at`

func scanSession(r scanner, v *Session) error {
	return r.Scan(&v.Mark, &v.UserID, &v.Data, when{&v.CreatedAt}, when{&v.ExpiresAt})
}

// Session reads a session that has not expired.
func (s *Store) Session(ctx context.Context, tx *sql.Tx, mark string) (Session, error) {
	return one("session", s.from(tx).QueryRowContext(ctx, `SELECT `+sessionColumns+` FROM sessions WHERE mark=$1 AND expires_at > $2`, mark, s.now()), scanSession)
}

// SaveSession stores a session.
func (s *Store) SaveSession(ctx context.Context, tx *sql.Tx, v Session) error {
	_, err := exec(ctx, "save session", tx, `INSERT INTO sessions (`+sessionColumns+`) VALUES ($1,$2,$3,$4,$5)
		ON CONFLICT (mark) DO UPDATE SET user_id=excluded.user_id, data=excluded.data, expires_at=excluded.expires_at`, v.Mark, v.UserID, v.Data, s.now(), ms(v.ExpiresAt))
	return err
}

// SessionsOf lists a person's sessions, newest first.
func (s *Store) SessionsOf(ctx context.Context, tx *sql.Tx, userID string) ([]Session, error) {
	return all(ctx, "sessions", s.from(tx), scanSession, `SELECT `+sessionColumns+` FROM sessions WHERE user_id=$1 AND expires_at > $2 ORDER BY created_at DESC`, userID, s.now())
}

// EndSession ends one session; an unknown one is no error.
func (s *Store) EndSession(ctx context.Context, tx *sql.Tx, mark string) error {
	_, err := exec(ctx, "end session", tx, `DELETE FROM sessions WHERE mark=$1`, mark)
	return err
}

// EndSessionsOf ends all of a person's sessions.
func (s *Store) EndSessionsOf(ctx context.Context, tx *sql.Tx, userID string) error {
	_, err := exec(ctx, "end sessions", tx, `DELETE FROM sessions WHERE user_id=$1`, userID)
	return err
}

// Attempt notes a failed sign-in or another thing that is throttled, under a keyed mark of what it was tried on.
func (s *Store) Attempt(ctx context.Context, tx *sql.Tx, mark string) error {
	_, err := exec(ctx, "note attempt", tx, `INSERT INTO attempts (id, mark, at) VALUES ($1,$2,$3)`, NewID(), mark, s.now())
	return err
}

// Attempts lists when the newest attempts on a mark since an instant were made, newest first, at most 100.
func (s *Store) Attempts(ctx context.Context, tx *sql.Tx, mark string, since time.Time) ([]time.Time, error) {
	return all(ctx, "attempts", s.from(tx), func(r scanner, t *time.Time) error { return r.Scan(when{t}) },
		`SELECT at FROM attempts WHERE mark=$1 AND at > $2 ORDER BY at DESC LIMIT 100`, mark, ms(since))
}

// ForgetAttempts drops the attempts on a mark: it was right at last.
func (s *Store) ForgetAttempts(ctx context.Context, tx *sql.Tx, mark string) error {
	_, err := exec(ctx, "forget attempts", tx, `DELETE FROM attempts WHERE mark=$1`, mark)
	return err
}
