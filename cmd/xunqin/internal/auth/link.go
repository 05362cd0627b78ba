package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"regexp"

	"xunqin/pipeline/record"
)

// Purposes of one-time links.
const (
	LinkFirst    = "first"    // makes the first admin, while there is nobody
	LinkInvite   = "invite"   // makes an account with the roles and area it names
	LinkRecovery = "recovery" // gives a person a new passphrase and second factor
)

// FirstAdmin makes the link that the first admin opens, valid as long as nobody has an account. It is "" when somebody
// has. Earlier ones stay valid until they expire; the first of them that is used makes the others void.
func (g *Gate) FirstAdmin(ctx context.Context) (string, error) {
	var address string
	err := g.opts.Records.Tx(ctx, func(tx *sql.Tx) error {
		users, err := g.opts.Records.Users(ctx, tx)
		if err != nil || len(users) > 0 {
			return err
		}
		address, err = g.link(ctx, tx, record.Link{Purpose: LinkFirst, Roles: []record.Role{record.Admin}, CreatedBy: "system"})
		return err
	})
	return address, err
}

// Invite makes a link for a new person. Audit it in the same transaction.
func (g *Gate) Invite(ctx context.Context, tx *sql.Tx, by string, roles []record.Role, area string) (string, error) {
	return g.link(ctx, tx, record.Link{Purpose: LinkInvite, Roles: roles, Area: area, CreatedBy: by})
}

// Recover makes a link by which a person gets a new passphrase and second factor. by must be somebody else: ErrRefused.
// Until the link is used, what the person had stays good.
func (g *Gate) Recover(ctx context.Context, tx *sql.Tx, by, userID string) (string, error) {
	if by == userID {
		return "", fmt.Errorf("recover: %w", ErrRefused)
	}
	if _, err := g.opts.Records.User(ctx, tx, userID); err != nil {
		return "", err
	}
	return g.link(ctx, tx, record.Link{Purpose: LinkRecovery, UserID: userID, CreatedBy: by})
}

func (g *Gate) link(ctx context.Context, tx *sql.Tx, l record.Link) (string, error) {
	token := rand.Text()
	l.Mark = g.linkMark(token)
	l.ExpiresAt = g.opts.Now().Add(g.opts.Policy.Lives.Invitation.D())
	if err := g.opts.Records.AddLink(ctx, tx, l); err != nil {
		return "", err
	}
	return g.opts.BaseURL + "/link/" + token, nil
}

func (g *Gate) linkMark(token string) string { return g.opts.Mark("link", token) }

// Invitation is an open link as its page shows it.
type Invitation struct {
	Purpose string
	Roles   []record.Role
	Name    string // of the person who recovers; empty for a new one
	Factor  Enrolment
}

// Link reads a link without spending it; ErrRefused when it is used, expired or unknown.
func (g *Gate) Link(ctx context.Context, token string) (Invitation, error) {
	l, user, err := g.openLink(ctx, nil, token)
	if err != nil {
		return Invitation{}, err
	}
	e, err := g.enrol("link-factor", token, g.accountName(user))
	if err != nil {
		return Invitation{}, err
	}
	return Invitation{Purpose: l.Purpose, Roles: l.Roles, Name: user.Name, Factor: e}, nil
}

// accountName is what an authenticator shows beside the code; whoever is new has not chosen a name yet.
func (g *Gate) accountName(user record.User) string {
	if u, err := url.Parse(g.opts.BaseURL); user.Name == "" && err == nil && u.Host != "" {
		return u.Host
	}
	return cmp.Or(user.Name, factorIssuer)
}

func (g *Gate) openLink(ctx context.Context, tx *sql.Tx, token string) (record.Link, record.User, error) {
	var user record.User
	l, err := g.opts.Records.Link(ctx, tx, g.linkMark(token))
	if err == nil {
		switch l.Purpose {
		case LinkRecovery:
			user, err = g.opts.Records.User(ctx, tx, l.UserID)
			if err == nil && !user.DisabledAt.IsZero() {
				err = ErrRefused
			}
		case LinkFirst:
			var users []record.User
			if users, err = g.opts.Records.Users(ctx, tx); len(users) > 0 {
				err = ErrRefused
			}
		}
	}
	if errors.Is(err, record.ErrNotFound) {
		err = ErrRefused
	}
	return l, user, err
}

// NameError: a name is empty, too long, or holds what is no letter, digit, space, dot, hyphen or underscore.
type NameError struct{}

func (*NameError) Error() string { return "name cannot be used" }

var goodName = regexp.MustCompile(`^[\pL\pM\p{Nd}][\pL\pM\p{Nd} ._-]{0,39}$`)

// Accept spends a link: it makes the account, or gives the person of a recovery a new passphrase and factor, and signs
// them in. Name is read for a new account only, code where the second factor is on. Errors: ErrRefused for the link, ErrCode,
// *WaitError, *NameError, *PassphraseError, record.ErrExists for a name that is taken; the link stays good.
func (g *Gate) Accept(ctx context.Context, token, name, passphrase, code, addr string) error {
	inv, err := g.Link(ctx, token)
	if err != nil {
		return err
	}
	if inv.Name != "" {
		name = inv.Name
	} else if name = CleanName(name); !goodName.MatchString(name) {
		return &NameError{}
	}
	if err := g.CheckPassphrase(name, passphrase); err != nil {
		return err
	}
	var factor []byte
	var step int64
	if g.opts.SecondFactor {
		err := g.throttled(ctx, []string{g.linkMark(token), g.addrMark(addr)}, func() error {
			var ok bool
			if step, ok = matchCode(inv.Factor.secret, code, g.opts.Now()); !ok {
				return ErrCode
			}
			return nil
		})
		if err != nil {
			return err
		}
		factor = g.opts.Seal(factorPurpose, inv.Factor.secret)
	}
	hash, err := g.hashing.hash(ctx, passphrase)
	if err != nil {
		return err
	}
	var user record.User
	err = g.opts.Records.Tx(ctx, func(tx *sql.Tx) error {
		// Two may hold links of the first admin; the second must see what the first has made.
		if err := g.opts.Records.LockPeople(ctx, tx); err != nil {
			return err
		}
		var l record.Link
		var err error
		if l, user, err = g.openLink(ctx, tx, token); err != nil {
			return err
		}
		if err := g.opts.Records.UseLink(ctx, tx, l.Mark); err != nil {
			return err
		}
		user.Password, user.Factor, user.FactorStep = hash, factor, step
		if l.Purpose == LinkRecovery {
			if err := g.opts.Records.ChangeUser(ctx, tx, user); err != nil {
				return err
			}
			return g.opts.Records.Audit(ctx, tx, user.ID, "recovered", user.ID, "by "+l.CreatedBy)
		}
		user.Name, user.Roles, user.Area, user.CreatedBy = name, l.Roles, l.Area, l.CreatedBy
		if user.ID, err = g.opts.Records.AddUser(ctx, tx, user); err != nil {
			return err
		}
		if step > 0 { // the code that enrolled is used up
			if err := g.opts.Records.UseFactorStep(ctx, tx, user.ID, step); err != nil {
				return err
			}
		}
		return g.opts.Records.Audit(ctx, tx, user.ID, "joined", user.ID, "by "+l.CreatedBy)
	})
	if err != nil {
		return err
	}
	return g.begin(ctx, user)
}
