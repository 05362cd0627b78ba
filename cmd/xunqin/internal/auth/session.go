package auth

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"xunqin/pipeline/record"
)

// What a session holds. The stamp ties it to the passphrase, factor and roles it began with.
const (
	keyUser  = "user"
	keyStamp = "stamp"
	keyBegan = "began" // Unix ms
	keyFlash = "flash"
)

// extendAfter is how much a session's end must move before it is written again: one page of many does not write at all.
const extendAfter = 30 * time.Second

func (g *Gate) newSessions() *scs.SessionManager {
	m := scs.New()
	m.Store = sessionStore{g}
	m.Codec = jsonCodec{}
	// The store sets when a session ends, by the policy and the one clock. These make the library hand each session on.
	m.Lifetime, m.IdleTimeout = g.opts.Policy.Lives.Session.D(), g.opts.Policy.Lives.Idle.D()
	m.Cookie = scs.SessionCookie{Name: "session", Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: strings.HasPrefix(g.opts.BaseURL, "https:")}
	m.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
		g.opts.Log.ErrorContext(r.Context(), "session", "error", err)
		http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
	}
	return m
}

// begin gives the browser a session under a new token.
func (g *Gate) begin(ctx context.Context, user record.User) error {
	user, err := g.opts.Records.User(ctx, nil, user.ID)
	if err != nil {
		return err
	}
	if err := g.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("begin session: %w", err)
	}
	g.sessions.Put(ctx, keyUser, user.ID)
	g.sessions.Put(ctx, keyStamp, g.stamp(user))
	g.sessions.Put(ctx, keyBegan, strconv.FormatInt(g.opts.Now().UnixMilli(), 10))
	if _, _, err := g.sessions.Commit(context.WithValue(ctx, beginning{}, true)); err != nil {
		return fmt.Errorf("begin session: %w", err)
	}
	return nil
}

// beginning marks the one Commit that may make a row. Every other one only extends a row that is there, so that a
// request under way cannot bring back a session that was ended meanwhile.
type beginning struct{}

func (g *Gate) stamp(u record.User) string {
	return g.opts.Mark("session-stamp", fmt.Sprintf("%s %q %q %q %d", u.ID, u.Password, u.Factor, u.Roles, u.DisabledAt.UnixMilli()))
}

// User says who is signed in; false for nobody, and for one whose account was disabled or changed since.
func (g *Gate) User(ctx context.Context) (record.User, bool, error) {
	id := g.sessions.GetString(ctx, keyUser)
	if id == "" {
		return record.User{}, false, nil
	}
	user, err := g.opts.Records.User(ctx, nil, id)
	if errors.Is(err, record.ErrNotFound) {
		return record.User{}, false, nil
	}
	if err != nil {
		return record.User{}, false, err
	}
	if !user.DisabledAt.IsZero() || !hmac.Equal([]byte(g.stamp(user)), []byte(g.sessions.GetString(ctx, keyStamp))) {
		return record.User{}, false, nil
	}
	return user, true, nil
}

// Flash keeps a message for the next page of one who is signed in; for others it does nothing.
func (g *Gate) Flash(ctx context.Context, text string) {
	if g.sessions.GetString(ctx, keyUser) != "" {
		g.sessions.Put(ctx, keyFlash, text)
	}
}

// TakeFlash is the message kept before, once.
func (g *Gate) TakeFlash(ctx context.Context) string {
	if g.sessions.GetString(ctx, keyFlash) == "" {
		return ""
	}
	return g.sessions.PopString(ctx, keyFlash)
}

// Mark names the session of the request as it stands in the record; empty for nobody. It is what links to pictures are
// bound to.
func (g *Gate) Mark(ctx context.Context) string {
	token := g.sessions.Token(ctx)
	if token == "" {
		return ""
	}
	return g.sessionMark(token)
}

func (g *Gate) sessionMark(token string) string { return g.opts.Mark("session", token) }

// End ends one of a person's own sessions; another's is ErrNotFound, as one that is not there.
func (g *Gate) End(ctx context.Context, user record.User, mark string) error {
	return g.opts.Records.Tx(ctx, func(tx *sql.Tx) error {
		v, err := g.opts.Records.Session(ctx, tx, mark)
		if err != nil {
			return err
		}
		if v.UserID != user.ID {
			return fmt.Errorf("session: %w", record.ErrNotFound)
		}
		if err := g.opts.Records.EndSession(ctx, tx, mark); err != nil {
			return err
		}
		return g.opts.Records.Audit(ctx, tx, user.ID, "end-session", user.ID, "")
	})
}

// sessionStore keeps the library's sessions in the record, under a keyed mark of the token.
type sessionStore struct{ g *Gate }

// FindCtx implements scs.CtxStore.
func (s sessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	v, err := s.g.opts.Records.Session(ctx, nil, s.g.sessionMark(token))
	if errors.Is(err, record.ErrNotFound) {
		return nil, false, nil
	}
	return v.Data, err == nil, err
}

// CommitCtx implements scs.CtxStore. The expiry it is given is by the library's clock; the policy and ours decide.
func (s sessionStore) CommitCtx(ctx context.Context, token string, data []byte, _ time.Time) error {
	_, values, err := jsonCodec{}.Decode(data)
	if err != nil {
		return err
	}
	user, _ := values[keyUser].(string)
	if user == "" {
		return nil // nobody is signed in: there is nothing to keep
	}
	text, _ := values[keyBegan].(string)
	began, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	lives := s.g.opts.Policy.Lives
	ends := time.UnixMilli(began).Add(lives.Session.D())
	if idle := s.g.opts.Now().Add(lives.Idle.D()); idle.Before(ends) {
		ends = idle
	}
	records, mark := s.g.opts.Records, s.g.sessionMark(token)
	fresh := ctx.Value(beginning{}) != nil
	if !fresh {
		had, err := records.Session(ctx, nil, mark)
		if errors.Is(err, record.ErrNotFound) || err == nil && string(had.Data) == string(data) && ends.Sub(had.ExpiresAt) < extendAfter {
			return nil
		}
		if err != nil {
			return err
		}
	}
	// A page that was answered is answered, even when its reader has gone.
	ctx = context.WithoutCancel(ctx)
	return records.Tx(ctx, func(tx *sql.Tx) error {
		if !fresh {
			if _, err := records.Session(ctx, tx, mark); errors.Is(err, record.ErrNotFound) {
				return nil
			} else if err != nil {
				return err
			}
			if err := records.SeeUser(ctx, tx, user); err != nil {
				return err
			}
		}
		return records.SaveSession(ctx, tx, record.Session{Mark: mark, UserID: user, Data: data, ExpiresAt: ends})
	})
}

// DeleteCtx implements scs.CtxStore.
func (s sessionStore) DeleteCtx(ctx context.Context, token string) error {
	return s.g.opts.Records.Tx(ctx, func(tx *sql.Tx) error { return s.g.opts.Records.EndSession(ctx, tx, s.g.sessionMark(token)) })
}

// Find implements scs.Store.
func (s sessionStore) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit implements scs.Store.
func (s sessionStore) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry)
}

// Delete implements scs.Store.
func (s sessionStore) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

// jsonCodec keeps sessions as JSON, whose values here are text alone. The deadline is left out: the store knows it. The library
// is told one that never comes, for at one that has come, or at none, it takes the cookie away.
type jsonCodec struct{}

func noDeadline() time.Time { return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }

func (jsonCodec) Encode(_ time.Time, values map[string]any) ([]byte, error) {
	b, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return b, nil
}

func (jsonCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	values := map[string]any{}
	if err := json.Unmarshal(b, &values); err != nil {
		return noDeadline(), nil, fmt.Errorf("session: %w", err)
	}
	return noDeadline(), values, nil
}
