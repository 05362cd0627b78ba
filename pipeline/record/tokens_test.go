package record_test

import (
	"database/sql"
	"errors"
	"testing"
	"time"

	"xunqin/pipeline/record"
	"xunqin/pipeline/record/recordtest"
)

func TestTokensAreListedTakenAndRevoked(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
		s.Now = func() time.Time { return now }
		tx := func(fn func(tx *sql.Tx) error) error { return s.Tx(t.Context(), fn) }
		var wang, li, had, waits string
		err := tx(func(tx *sql.Tx) (err error) {
			if wang, err = s.AddUser(t.Context(), tx, record.User{Name: "wang"}); err != nil {
				return err
			}
			if li, err = s.AddUser(t.Context(), tx, record.User{Name: "li"}); err != nil {
				return err
			}
			if had, err = s.AddToken(t.Context(), tx, record.Token{UserID: wang, Name: "a", Scopes: []string{"x", "y"}, Mark: "m1", CreatedBy: wang, ExpiresAt: now.Add(time.Hour)}); err != nil {
				return err
			}
			for _, user := range []string{li, wang} { // two that wait have no mark in common
				if waits, err = s.AddToken(t.Context(), tx, record.Token{UserID: user, Name: "b", CreatedBy: li, ExpiresAt: now.Add(time.Hour)}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for user, want := range map[string]int{"": 3, wang: 2, li: 1} {
			if list, err := s.Tokens(t.Context(), nil, user); err != nil || len(list) != want {
				t.Errorf("%d of %q, %v, want %d", len(list), user, err, want)
			}
		}
		if v, err := s.TokenMarked(t.Context(), nil, "m1"); err != nil || v.ID != had || len(v.Scopes) != 2 || !v.ExpiresAt.Equal(now.Add(time.Hour)) {
			t.Errorf("%+v, %v", v, err)
		}
		if _, err := s.TokenMarked(t.Context(), nil, ""); !errors.Is(err, record.ErrNotFound) {
			t.Errorf("one that waits is found by no mark: %v", err)
		}
		take := func(mark string) error {
			return tx(func(tx *sql.Tx) error { return s.TakeToken(t.Context(), tx, waits, mark) })
		}
		if err := take("m1"); !errors.Is(err, record.ErrExists) {
			t.Errorf("a mark that is there: %v", err)
		}
		if err := take("m2"); err != nil {
			t.Error(err)
		}
		if err := take("m3"); !errors.Is(err, record.ErrNotFound) {
			t.Errorf("taken twice: %v", err)
		}
		revoke := func() error {
			return tx(func(tx *sql.Tx) error { return s.RevokeToken(t.Context(), tx, waits) })
		}
		if err := revoke(); err != nil {
			t.Error(err)
		}
		if err := revoke(); !errors.Is(err, record.ErrNotFound) {
			t.Errorf("revoked twice: %v", err)
		}
		if err := tx(func(tx *sql.Tx) error { return s.RevokeTokensOf(t.Context(), tx, li) }); err != nil {
			t.Error(err)
		}
		if _, err := s.TokenMarked(t.Context(), nil, "m1"); err != nil {
			t.Errorf("another's was revoked: %v", err)
		}
		if err := tx(func(tx *sql.Tx) error { return s.RevokeTokensOf(t.Context(), tx, "") }); err != nil {
			t.Error(err)
		}
		if _, err := s.TokenMarked(t.Context(), nil, "m1"); !errors.Is(err, record.ErrNotFound) {
			t.Errorf("all were revoked: %v", err)
		}
		now = now.Add(time.Hour)
		if err := tx(func(tx *sql.Tx) error { return s.ExpireRest(t.Context(), tx) }); err != nil {
			t.Error(err)
		}
		if list, err := s.Tokens(t.Context(), nil, ""); err != nil || len(list) != 0 {
			t.Errorf("%d are kept after their end, %v", len(list), err)
		}
	})
}
