// Package policy is the one place of every number that protects people: how long things live, how much one person may
// see, how large a stored picture may be. The program obeys what [Load] returns, and nothing else says such a number.
package policy

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/BurntSushi/toml"
)

// Policy is the loaded file.
type Policy struct {
	Lives   Lives             `toml:"lives"`
	Limits  Limits            `toml:"limits"`
	Reasons map[string]string `toml:"reasons"` // why a life is longer than the built-in one, by its name
}

// Lives are how long things are kept, counted from when they were stored (Closed: from the closing).
type Lives struct {
	Derivative  Duration `toml:"derivative"`
	Fingerprint Duration `toml:"fingerprint"`
	Text        Duration `toml:"text"`
	Closed      Duration `toml:"closed"`
	AuditMonths int      `toml:"audit_months"`
	Tombstone   Duration `toml:"tombstone"`
	Session     Duration `toml:"session"`
	Idle        Duration `toml:"idle"`
	Link        Duration `toml:"link"`
	Reveal      Duration `toml:"reveal"`
	Invitation  Duration `toml:"invitation"`
	Token       Duration `toml:"token"`
	Undo        Duration `toml:"undo"`
	BackupKeys  Duration `toml:"backup_keys"`
}

// Limits are counts and sizes.
type Limits struct {
	Side           int      `toml:"side"` // px
	Grey           int      `toml:"grey"` // px
	Flood          int      `toml:"flood"`
	ViewsAnHour    int      `toml:"views_an_hour"`
	SignIns        int      `toml:"sign_ins"`
	SignInWindow   Duration `toml:"sign_in_window"`
	SignInWait     int      `toml:"sign_in_wait"`
	SearchesAnHour int      `toml:"searches_an_hour"`
	OpensAnHour    int      `toml:"opens_an_hour"`
	CallsAMinute   int      `toml:"calls_a_minute"`
	Upload         int64    `toml:"upload"` // bytes
	Passphrase     int      `toml:"passphrase"`
	AnswerStep     Duration `toml:"answer_step"`
}

// Duration is a time.Duration as it stands in the file: "2160h".
type Duration time.Duration

// UnmarshalText reads "2160h".
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// D is the duration for the time package.
func (d Duration) D() time.Duration { return time.Duration(d) }

//go:embed policy.toml
var builtin []byte

// Default is the built-in policy.
func Default() Policy {
	p, err := parse(builtin)
	if err != nil {
		panic("built-in policy: " + err.Error())
	}
	return p
}

// Load reads a policy file, which says only what differs from the built-in one. It refuses unknown names, lives and limits
// of zero or less, pictures larger than the built-in side, and any life or limit laxer than the built-in one without a reason.
func Load(path string) (Policy, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Policy{}, fmt.Errorf("policy: %w", err)
	}
	p := Default()
	if err := decode(b, &p); err != nil {
		return Policy{}, fmt.Errorf("policy %s: %w", path, err)
	}
	if err := p.check(Default()); err != nil {
		return Policy{}, fmt.Errorf("policy %s: %w", path, err)
	}
	return p, nil
}

func parse(b []byte) (Policy, error) {
	var p Policy
	if err := decode(b, &p); err != nil {
		return p, err
	}
	return p, p.check(p)
}

func decode(b []byte, p *Policy) error {
	meta, err := toml.NewDecoder(bytes.NewReader(b)).Decode(p)
	if err != nil {
		return err
	}
	if u := meta.Undecoded(); len(u) > 0 {
		return fmt.Errorf("%s is no setting of the policy", u[0])
	}
	return nil
}

// numbers lists every life and limit by its name in the file; larger is laxer, except where strict says otherwise.
func (p Policy) numbers() []struct {
	name   string
	n      int64
	strict bool
} {
	type row = struct {
		name   string
		n      int64
		strict bool
	}
	l, m := p.Lives, p.Limits
	return []row{
		{"derivative", int64(l.Derivative), false}, {"fingerprint", int64(l.Fingerprint), false}, {"text", int64(l.Text), false}, {"closed", int64(l.Closed), false},
		{"audit_months", int64(l.AuditMonths), false}, {"tombstone", int64(l.Tombstone), true}, {"session", int64(l.Session), false}, {"idle", int64(l.Idle), false},
		{"link", int64(l.Link), false}, {"reveal", int64(l.Reveal), false}, {"invitation", int64(l.Invitation), false}, {"token", int64(l.Token), false}, {"undo", int64(l.Undo), false},
		{"backup_keys", int64(l.BackupKeys), false}, {"side", int64(m.Side), false}, {"grey", int64(m.Grey), false}, {"flood", int64(m.Flood), false}, {"views_an_hour", int64(m.ViewsAnHour), false},
		{"sign_ins", int64(m.SignIns), false}, {"sign_in_window", int64(m.SignInWindow), true}, {"sign_in_wait", int64(m.SignInWait), false},
		{"searches_an_hour", int64(m.SearchesAnHour), false}, {"opens_an_hour", int64(m.OpensAnHour), false}, {"calls_a_minute", int64(m.CallsAMinute), false},
		{"upload", m.Upload, false}, {"passphrase", int64(m.Passphrase), true}, {"answer_step", int64(m.AnswerStep), true},
	}
}

func (p Policy) check(base Policy) error {
	var errs []error
	was := base.numbers()
	for i, v := range p.numbers() {
		laxer := v.n > was[i].n
		if v.strict {
			laxer = v.n < was[i].n
		}
		switch {
		case v.n <= 0:
			errs = append(errs, fmt.Errorf("%s must be more than zero", v.name))
		case laxer && p.Reasons[v.name] == "":
			errs = append(errs, fmt.Errorf("%s is laxer than the built-in policy and gives no reason", v.name))
		case laxer && (v.name == "side" || v.name == "grey"):
			errs = append(errs, fmt.Errorf("%s cannot be raised", v.name))
		}
	}
	if p.Lives.Derivative > p.Lives.Fingerprint {
		errs = append(errs, errors.New("derivative must not outlive fingerprint"))
	}
	if p.Lives.Idle > p.Lives.Session {
		errs = append(errs, errors.New("idle must not be longer than session"))
	}
	return errors.Join(errs...)
}
