package cli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/cmd/xunqin/internal/desk"
	"xunqin/pipeline/record"
)

type tokensCmd struct {
	List   tokensListCmd   `cmd:"" default:"1" help:"List tokens of programs (the default)."`
	Add    tokensAddCmd    `cmd:"" help:"Make a token for a person and print it, once."`
	Revoke tokensRevokeCmd `cmd:"" help:"End a token, at once and for good."`
}

type tokenLine struct {
	ID      string     `json:"id"`
	Person  string     `json:"person"`
	Name    string     `json:"name"`
	Scopes  []string   `json:"scopes"`
	State   string     `json:"state"` // works, offered, revoked or expired
	Created time.Time  `json:"created_at"`
	Expires time.Time  `json:"expires_at"`
	Used    *time.Time `json:"used_at,omitempty"`
}

type tokensListCmd struct {
	Person string `help:"Only this person's." placeholder:"NAME"`
}

func (c *tokensListCmd) run(ctx context.Context, e *Env, a *app.App) error {
	users, err := a.Records.Users(ctx, nil)
	if err != nil {
		return err
	}
	names, only := map[string]string{}, ""
	for _, u := range users {
		names[u.ID] = u.Name
		if u.Name == c.Person {
			only = u.ID
		}
	}
	if c.Person != "" && only == "" {
		return fmt.Errorf("user %s: %w", c.Person, record.ErrNotFound)
	}
	list, err := a.Records.Tokens(ctx, nil, only)
	if err != nil {
		return err
	}
	out := []tokenLine{}
	for _, t := range list {
		l := tokenLine{ID: t.ID, Person: names[t.UserID], Name: t.Name, Scopes: t.Scopes, State: desk.TokenState(t, a.Now()), Created: t.CreatedAt, Expires: t.ExpiresAt}
		if !t.UsedAt.IsZero() {
			l.Used = &t.UsedAt
		}
		out = append(out, l)
	}
	return e.print(out, func(w io.Writer) {
		for _, l := range out {
			used := "–"
			if l.Used != nil {
				used = l.Used.Format(time.DateTime)
			}
			fmt.Fprintln(w, e.T("cli.token", "id", l.ID, "person", l.Person, "name", l.Name, "state", e.T("tokenstate."+l.State), "until", l.Expires.Format(time.DateOnly), "used", used, "scopes", strings.Join(l.Scopes, " ")))
		}
		if len(out) == 0 {
			fmt.Fprintln(w, e.T("cli.notokens"))
		}
	})
}

type tokensAddCmd struct {
	Person string   `arg:"" help:"Name of the person in whose name it asks."`
	Name   string   `help:"What the token is called." default:"command"`
	Scope  []string `help:"What it is good for; may be given more than once. Without it, all that the person's roles allow." placeholder:"SCOPE"`
	Days   int      `help:"Days until it expires." default:"30"`
}

func (c *tokensAddCmd) run(ctx context.Context, e *Env, a *app.App) error {
	gate, err := a.Gate()
	if err != nil {
		return err
	}
	var id, secret string
	err = a.Records.Tx(ctx, func(tx *sql.Tx) error {
		u, err := a.Records.UserNamed(ctx, tx, c.Person)
		if errors.Is(err, record.ErrNotFound) {
			return fmt.Errorf("user %s: %w", c.Person, record.ErrNotFound)
		}
		if err != nil {
			return err
		}
		t, wrong := desk.NewToken(u, c.Name, c.Scope, c.Days, a.Policy, a.Now())
		if wrong != "" {
			return usageError{errors.New(e.T("tokenbad."+wrong, "n", desk.MostTokenDays(a.Policy)))}
		}
		t.CreatedBy = "command"
		if id, secret, err = gate.NewToken(ctx, tx, t); err != nil {
			return err
		}
		return audit(ctx, a, tx, "token-made", id, u.ID)
	})
	if err != nil {
		return err
	}
	return e.print(map[string]string{"id": id, "token": secret}, func(w io.Writer) { fmt.Fprintln(w, secret) })
}

type tokensRevokeCmd struct {
	ID string `arg:""`
}

func (c *tokensRevokeCmd) run(ctx context.Context, e *Env, a *app.App) error {
	err := a.Records.Tx(ctx, func(tx *sql.Tx) error {
		if err := a.Records.RevokeToken(ctx, tx, c.ID); err != nil {
			return err
		}
		return audit(ctx, a, tx, "token-revoked", c.ID, "")
	})
	if errors.Is(err, record.ErrNotFound) {
		return fmt.Errorf("token %s: %w", c.ID, record.ErrNotFound)
	}
	if err != nil {
		return err
	}
	return e.print(map[string]any{"id": c.ID, "revoked": true}, func(w io.Writer) { fmt.Fprintln(w, e.T("cli.done")) })
}
