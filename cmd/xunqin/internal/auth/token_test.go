package auth

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"xunqin/pipeline/record"
	"xunqin/pipeline/record/recordtest"
)

// makeToken is a token of a person's.
func makeToken(t testing.TB, g *Gate, u record.User) (id, secret string) {
	t.Helper()
	err := g.opts.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		var err error
		id, secret, err = g.NewToken(t.Context(), tx, record.Token{UserID: u.ID, Name: "n", Scopes: []string{"a", "b"}, CreatedBy: u.ID, ExpiresAt: g.opts.Now().Add(time.Hour)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id, secret
}

func TestATokenOpensUntilItEnds(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, records *record.Store) {
		g, c := newGate(t, records)
		u := addUser(t, g, "wang")
		id, secret := makeToken(t, g, u)
		ask := func(header string, want error) {
			t.Helper()
			user, token, err := g.Bearer(t.Context(), header)
			if !errors.Is(err, want) || want == nil && (user.ID != u.ID || token.ID != id || len(token.Scopes) != 2) {
				t.Errorf("%.12q…: %v %v, %v", header, user.Name, token.ID, err)
			}
		}
		ask("Bearer "+secret, nil)
		ask("bearer  "+secret+" ", nil)
		for _, header := range []string{"", secret, "Basic " + secret, "Bearer ", "Bearer " + secret + "x", "Bearer " + strings.ToUpper(secret), "Bearer " + strings.Replace(secret, tokenPrefix, "", 1)} {
			ask(header, ErrRefused)
		}
		random := "aaaaaaaaaaaaaaaaaaaaaaaaaa"
		ask("Bearer "+tokenPrefix+random+tokenSum(random), ErrRefused) // well written, and nobody's
		c.pass(time.Hour - time.Millisecond)
		ask("Bearer "+secret, nil)
		c.pass(time.Millisecond)
		ask("Bearer "+secret, ErrRefused)
	})
}

func TestATokenEndsWithEveryChangeOfItsAccount(t *testing.T) {
	for name, change := range map[string]func(*record.User){
		"passphrase": func(u *record.User) { u.Password = "x" }, "second factor": func(u *record.User) { u.Factor = []byte("x") },
		"roles": func(u *record.User) { u.Roles = append(u.Roles, record.Reviewer) }, "suspended": func(u *record.User) { u.DisabledAt = time.Unix(1, 0) },
	} {
		g, _ := newGate(t, recordtest.Open(t))
		u := addUser(t, g, "wang")
		_, secret := makeToken(t, g, u)
		err := g.opts.Records.Tx(t.Context(), func(tx *sql.Tx) error {
			change(&u)
			return g.opts.Records.ChangeUser(t.Context(), tx, u)
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := g.Bearer(t.Context(), "Bearer "+secret); !errors.Is(err, ErrRefused) {
			t.Errorf("%s changed: %v", name, err)
		}
		// Nor does it come back when the account is as it was.
		u, err = g.opts.Records.User(t.Context(), nil, u.ID)
		if err != nil {
			t.Fatal(err)
		}
		u.Password, u.Factor, u.Roles, u.DisabledAt = cheap, nil, []record.Role{record.Volunteer}, time.Time{}
		if err := g.opts.Records.Tx(t.Context(), func(tx *sql.Tx) error { return g.opts.Records.ChangeUser(t.Context(), tx, u) }); err != nil {
			t.Fatal(err)
		}
		if _, _, err := g.Bearer(t.Context(), "Bearer "+secret); !errors.Is(err, ErrRefused) {
			t.Errorf("%s changed back: %v", name, err)
		}
	}
}

func TestAnOfferedTokenIsTakenByItsPersonOnce(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, records *record.Store) {
		g, _ := newGate(t, records)
		u, other := addUser(t, g, "wang"), addUser(t, g, "li")
		var id string
		err := records.Tx(t.Context(), func(tx *sql.Tx) error {
			var err error
			id, err = g.OfferToken(t.Context(), tx, record.Token{UserID: u.ID, Name: "n", Scopes: []string{"a"}, CreatedBy: other.ID, ExpiresAt: g.opts.Now().Add(time.Hour)})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		take := func(by record.User) (secret string, err error) {
			err = records.Tx(t.Context(), func(tx *sql.Tx) error {
				secret, err = g.TakeToken(t.Context(), tx, by, id)
				return err
			})
			return secret, err
		}
		if _, err := take(other); !errors.Is(err, record.ErrNotFound) {
			t.Errorf("another takes it: %v", err)
		}
		secret, err := take(u)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := g.Bearer(t.Context(), "Bearer "+secret); err != nil {
			t.Error(err)
		}
		if _, err := take(u); !errors.Is(err, record.ErrNotFound) {
			t.Errorf("it is taken twice: %v", err)
		}
		if _, _, err := g.Bearer(t.Context(), "Bearer "+secret); err != nil {
			t.Errorf("after a second try: %v", err)
		}
	})
}

func TestAPaceIsABurstAndThenOneAtATime(t *testing.T) {
	c := &clock{now: time.Unix(1000, 0)}
	p := &Pace{Every: time.Second, Burst: 3, Now: c.Now}
	took := func(caller string, want bool, ready time.Duration) {
		t.Helper()
		at, ok := p.Take(caller)
		if ok != want || !ok && at.Sub(c.Now()) != ready {
			t.Errorf("%s: %v, ready in %v, want %v, %v", caller, ok, at.Sub(c.Now()), want, ready)
		}
	}
	for range 3 {
		took("a", true, 0)
	}
	took("a", false, time.Second)
	took("b", true, 0)
	c.pass(400 * time.Millisecond)
	took("a", false, 600*time.Millisecond) // what was refused does not count
	c.pass(600 * time.Millisecond)
	took("a", true, 0)
	took("a", false, time.Second)
	c.pass(time.Hour)
	for range 3 {
		took("a", true, 0)
	}
	took("a", false, time.Second)
	for i := range 2 * mostPaced {
		p.Take(string(rune('a'+i%26)) + strings.Repeat("x", i/26))
		c.pass(time.Millisecond)
	}
	if n := len(p.free); n > mostPaced+1 {
		t.Errorf("%d callers are remembered", n)
	}
}

func FuzzToken(f *testing.F) {
	f.Add(tokenPrefix + "aaaaaaaaaaaaaaaaaaaaaaaaaa" + tokenSum("aaaaaaaaaaaaaaaaaaaaaaaaaa"))
	f.Add("xunqin_")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if goodToken(s) && (len(s) != len(tokenPrefix)+tokenRandom+tokenCheck || tokenPrefix+s[len(tokenPrefix):len(tokenPrefix)+tokenRandom]+tokenSum(s[len(tokenPrefix):len(tokenPrefix)+tokenRandom]) != s) {
			t.Errorf("%q is no token", s)
		}
	})
}
