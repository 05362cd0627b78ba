// Package auth knows who is asking: passphrases, second factors, sessions, one-time links and how often somebody may try.
// It decides who a person is, never what they may do; that is the table of routes in desk.
//
// A [Gate] is made once. [Gate.Sessions] wraps the handlers, [Gate.SignIn] begins a session, [Gate.User] says whose it is.
// A session exists only for one who is signed in, so there is none to fix before.
//
// Every answer to a sign-in is [ErrRefused] whether the name is unknown, the passphrase or the code wrong, or the account
// disabled, and takes the work of one hash; [Gate.Step] lets the answers leave at fixed steps.
package auth

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"

	"xunqin/pipeline/record"
	"xunqin/pipeline/record/policy"
)

var (
	// ErrRefused: a sign-in, a passphrase or a code was wrong, or a link is used, expired or unknown. It never says which.
	ErrRefused = errors.New("refused")
	// ErrCode: the first code of a new second factor is wrong. It is an ErrRefused.
	ErrCode = fmt.Errorf("code: %w", ErrRefused)
	// ErrBusy: more people sign in at this moment than the machine can check; try again in a few seconds.
	ErrBusy = errors.New("too many sign-ins at once")
)

// WaitError says that too many tries were wrong and when the next one counts again.
type WaitError struct{ Until time.Time }

func (e *WaitError) Error() string {
	return "too many wrong tries, wait until " + e.Until.UTC().Format(time.RFC3339)
}

// Options is what a Gate needs. All fields must be set but SecondFactor.
type Options struct {
	Records *record.Store
	Policy  policy.Policy
	Log     *slog.Logger
	Now     func() time.Time
	BaseURL string // https://desk.example.org, no slash at the end; with https the session's cookie is Secure
	Mark    func(purpose, s string) string
	Seal    func(purpose string, plain []byte) []byte
	Open    func(purpose string, sealed []byte) ([]byte, error)
	// SecondFactor asks everybody for a code. Only the demonstration, whose accounts guard nothing, goes without.
	SecondFactor bool
}

// Gate checks who is asking. Its methods are safe for concurrent use.
type Gate struct {
	opts     Options
	sessions *scs.SessionManager
	hashing  hasher
	nobody   string // the hash of a passphrase nobody knows: an unknown name costs the same work

	mu    sync.Mutex
	going map[string]int // tries under way, by mark: they count as wrong until they are known to be right
}

// New makes a Gate. It computes one hash, a tenth of a second.
func New(opts Options) (*Gate, error) {
	g := &Gate{opts: opts, hashing: newHasher(), going: map[string]int{}}
	var err error
	if g.nobody, err = g.hashing.hash(context.Background(), rand.Text()); err != nil {
		return nil, err
	}
	g.sessions = g.newSessions()
	return g, nil
}

// SecondFactor reports whether people sign in with a code as well.
func (g *Gate) SecondFactor() bool { return g.opts.SecondFactor }

// Step waits until the next multiple of the policy's answer step after start, so that how long an answer took says
// nothing. It ends early when ctx does.
func (g *Gate) Step(ctx context.Context, start time.Time) {
	step := g.opts.Policy.Limits.AnswerStep.D()
	left := step - time.Since(start)%step
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// SignIn begins a session for one who knows the passphrase and, where the second factor is on, the code. addr is where
// the request came from; tries are counted by it and by the name. Errors: ErrRefused, ErrBusy, *WaitError.
func (g *Gate) SignIn(ctx context.Context, name, passphrase, code, addr string) (record.User, error) {
	marks := []string{g.nameMark(name), g.addrMark(addr)}
	var user record.User
	err := g.throttled(ctx, marks, func() error {
		var err error
		user, err = g.check(ctx, name, passphrase, code)
		return err
	})
	if err != nil {
		return record.User{}, err
	}
	err = g.opts.Records.Tx(ctx, func(tx *sql.Tx) error {
		if err := g.opts.Records.ForgetAttempts(ctx, tx, marks[0]); err != nil {
			return err
		}
		if err := g.opts.Records.SeeUser(ctx, tx, user.ID); err != nil {
			return err
		}
		return g.opts.Records.Audit(ctx, tx, user.ID, "sign-in", user.ID, "")
	})
	if err != nil {
		return record.User{}, err
	}
	return user, g.begin(ctx, user)
}

// check finds who the name, passphrase and code belong to. Each of them is looked at whatever the others are.
func (g *Gate) check(ctx context.Context, name, passphrase, code string) (record.User, error) {
	user, err := g.opts.Records.UserNamed(ctx, nil, CleanName(name))
	known := err == nil
	if err != nil && !errors.Is(err, record.ErrNotFound) {
		return user, err
	}
	hash := g.nobody
	if known {
		hash = user.Password
	}
	right, err := g.hashing.verify(ctx, hash, passphrase)
	if err != nil {
		return user, err
	}
	if !known || !right || !user.DisabledAt.IsZero() {
		return user, ErrRefused
	}
	if !g.opts.SecondFactor {
		return user, nil
	}
	return user, g.useCode(ctx, user, code)
}

// Confirm checks the passphrase of one who is signed in, before a change to their own account. It is throttled as a
// sign-in is.
func (g *Gate) Confirm(ctx context.Context, user record.User, passphrase, addr string) error {
	return g.throttled(ctx, []string{g.nameMark(user.Name), g.addrMark(addr)}, func() error {
		right, err := g.hashing.verify(ctx, user.Password, passphrase)
		if err == nil && !right {
			err = ErrRefused
		}
		return err
	})
}

// SetPassphrase gives a person a new passphrase, ends all their sessions and begins a new one here. Errors:
// *PassphraseError, record.ErrStale.
func (g *Gate) SetPassphrase(ctx context.Context, user record.User, passphrase string) error {
	if err := g.CheckPassphrase(user.Name, passphrase); err != nil {
		return err
	}
	hash, err := g.hashing.hash(ctx, passphrase)
	if err != nil {
		return err
	}
	user.Password = hash
	return g.change(ctx, user, "passphrase")
}

// change stores a person's own change and gives them a session under a new token.
func (g *Gate) change(ctx context.Context, user record.User, action string) error {
	err := g.opts.Records.Tx(ctx, func(tx *sql.Tx) error {
		if err := g.opts.Records.ChangeUser(ctx, tx, user); err != nil {
			return err
		}
		return g.opts.Records.Audit(ctx, tx, user.ID, action, user.ID, "")
	})
	if err != nil {
		return err
	}
	return g.begin(ctx, user)
}

// SignOut ends the session of the request.
func (g *Gate) SignOut(ctx context.Context) error {
	user, ok, err := g.User(ctx)
	if err != nil {
		return err
	}
	if err := g.sessions.Destroy(ctx); err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	if !ok {
		return nil
	}
	return g.opts.Records.Tx(ctx, func(tx *sql.Tx) error {
		return g.opts.Records.Audit(ctx, tx, user.ID, "sign-out", user.ID, "")
	})
}

// Sessions wraps handlers that ask who is signed in: it reads the session of the cookie before and keeps it after.
func (g *Gate) Sessions(next http.Handler) http.Handler { return g.sessions.LoadAndSave(next) }
