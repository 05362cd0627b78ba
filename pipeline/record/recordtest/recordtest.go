// Package recordtest opens records for tests: a real SQLite file always, a real PostgreSQL database where one is named by
// XUNQIN_TEST_POSTGRES (a URL of a server on which databases may be made). Where CI is set, PostgreSQL must be there.
package recordtest

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"xunqin/pipeline/record"
)

// Open makes an empty SQLite record that ends with the test.
func Open(t testing.TB) *record.Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "xunqin.db"))
}

func open(t testing.TB, dsn string) *record.Store {
	t.Helper()
	s, err := record.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Each runs the test on an empty record of each database.
func Each(t *testing.T, test func(t *testing.T, s *record.Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, Open(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, open(t, Postgres(t))) })
}

// Postgres makes an empty database on the test server, dropped when the test ends, and gives its URL. Without a server
// the test is skipped, in CI it fails.
func Postgres(t testing.TB) string {
	t.Helper()
	server := os.Getenv("XUNQIN_TEST_POSTGRES")
	if server == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("XUNQIN_TEST_POSTGRES is not set, and CI must test on PostgreSQL")
		}
		t.Skip("no PostgreSQL: set XUNQIN_TEST_POSTGRES to a server's URL")
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	name := "t_" + record.NewID()
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		db, err := sql.Open("pgx", server)
		if err != nil {
			t.Error(err)
			return
		}
		defer db.Close()
		if _, err := db.ExecContext(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	u.Path = "/" + name
	return u.String()
}
