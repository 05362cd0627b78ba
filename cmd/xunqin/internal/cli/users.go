package cli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/pipeline/record"
)

type usersCmd struct {
	List    usersListCmd    `cmd:"" default:"1" help:"List people (the default)."`
	Invite  usersInviteCmd  `cmd:"" help:"Make a one-time link by which a person gets an account."`
	Suspend usersSuspendCmd `cmd:"" help:"Keep a person out, at once."`
	Restore usersRestoreCmd `cmd:"" help:"Let a suspended person in again."`
}

type userLine struct {
	ID        string        `json:"id"`
	Name      string        `json:"name"`
	Roles     []record.Role `json:"roles"`
	Area      string        `json:"area,omitempty"`
	SeenAt    time.Time     `json:"seen_at"`
	Suspended bool          `json:"suspended"`
}

type usersListCmd struct{}

func (c *usersListCmd) run(ctx context.Context, e *Env, a *app.App) error {
	users, err := a.Records.Users(ctx, nil)
	if err != nil {
		return err
	}
	out := []userLine{}
	for _, u := range users {
		out = append(out, userLine{u.ID, u.Name, u.Roles, u.Area, u.SeenAt, !u.DisabledAt.IsZero()})
	}
	return e.print(out, func(w io.Writer) {
		for _, u := range out {
			roles := make([]string, len(u.Roles))
			for i, r := range u.Roles {
				roles[i] = string(r)
			}
			state := ""
			if u.Suspended {
				state = e.T("cli.suspended")
			}
			fmt.Fprintf(w, "%s  %s  %s %s\n", u.Name, strings.Join(roles, ","), u.Area, state)
		}
		if len(out) == 0 {
			fmt.Fprintln(w, e.T("cli.nobody"))
		}
	})
}

type usersInviteCmd struct {
	Role []string `help:"A role; may be given more than once: activist, volunteer, reviewer, admin, auditor." required:"" enum:"activist,volunteer,reviewer,admin,auditor"`
	Area string   `help:"The place whose items are theirs."`
}

func (c *usersInviteCmd) run(ctx context.Context, e *Env, a *app.App) error {
	if a.Options.BaseURL == "" {
		return usageError{errors.New(e.T("cli.nobase"))}
	}
	var roles []record.Role
	for _, r := range c.Role {
		if !slices.Contains(roles, record.Role(r)) {
			roles = append(roles, record.Role(r))
		}
	}
	gate, err := a.Gate()
	if err != nil {
		return err
	}
	var link string
	err = a.Records.Tx(ctx, func(tx *sql.Tx) error {
		var err error
		if link, err = gate.Invite(ctx, tx, "command", roles, c.Area); err != nil {
			return err
		}
		return audit(ctx, a, tx, "invited", "", strings.Join(c.Role, " "))
	})
	if err != nil {
		return err
	}
	return e.print(map[string]string{"link": link}, func(w io.Writer) { fmt.Fprintln(w, link) })
}

type usersSuspendCmd struct {
	Name string `arg:""`
}

func (c *usersSuspendCmd) run(ctx context.Context, e *Env, a *app.App) error {
	return setSuspended(ctx, e, a, c.Name, true)
}

type usersRestoreCmd struct {
	Name string `arg:""`
}

func (c *usersRestoreCmd) run(ctx context.Context, e *Env, a *app.App) error {
	return setSuspended(ctx, e, a, c.Name, false)
}

func setSuspended(ctx context.Context, e *Env, a *app.App, name string, out bool) error {
	err := a.Records.Tx(ctx, func(tx *sql.Tx) error {
		u, err := a.Records.UserNamed(ctx, tx, name)
		if err != nil {
			return err
		}
		action := "restored"
		u.DisabledAt = time.Time{}
		if out {
			action, u.DisabledAt = "suspended", a.Now()
		}
		if err := a.Records.ChangeUser(ctx, tx, u); err != nil {
			return err
		}
		return audit(ctx, a, tx, action, u.ID, "")
	})
	if errors.Is(err, record.ErrNotFound) {
		return fmt.Errorf("user %s: %w", name, record.ErrNotFound)
	}
	if err != nil {
		return err
	}
	return e.print(map[string]any{"name": name, "suspended": out}, func(w io.Writer) { fmt.Fprintln(w, e.T("cli.done")) })
}
