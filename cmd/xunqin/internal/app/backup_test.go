package app

import (
	"archive/tar"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pquerna/otp/totp"

	"xunqin/cmd/xunqin/internal/auth"
	"xunqin/crawler"
	"xunqin/pipeline"
	"xunqin/pipeline/blob"
	"xunqin/pipeline/notify"
	"xunqin/pipeline/record"
)

// draw makes a JPEG that is like no other seed's.
func draw(seed uint64) []byte {
	rnd := rand.New(rand.NewPCG(seed, 7))
	m := image.NewRGBA(image.Rect(0, 0, 480, 360))
	for range 60 {
		x0, y0 := rnd.IntN(460), rnd.IntN(340)
		w, h := 20+rnd.IntN(220), 20+rnd.IntN(160)
		c := color.RGBA{uint8(rnd.IntN(256)), uint8(rnd.IntN(256)), uint8(rnd.IntN(256)), 255}
		for y := y0; y < min(360, y0+h); y++ {
			for x := x0; x < min(480, x0+w); x++ {
				m.SetRGBA(x, y, c)
			}
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// office is an app on temporary folders, with a site of pictures it may fetch.
type office struct {
	*App
	site   *httptest.Server
	source record.Source
}

func newOffice(t *testing.T) *office {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seed, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/"), ".jpg"), 10, 64)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(draw(seed))
	}))
	t.Cleanup(site.Close)
	u, err := url.Parse(site.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	d := &office{site: site}
	d.App = openApp(t, Options{Data: filepath.Join(dir, "data"), Keys: filepath.Join(dir, "keys"), AllowCIDRs: []string{"127.0.0.0/8"}, AllowPorts: []uint16{uint16(port)}})
	err = d.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		id, err := d.Records.AddSource(t.Context(), tx, record.Source{Name: "s", Reader: "feed", Config: json.RawMessage(`{"url":"` + site.URL + `/feed"}`), Cron: "@every 1h", TimeZone: "UTC",
			Rate: crawler.Rate{Every: crawler.NoPause, Parallel: 4}})
		if err != nil {
			return err
		}
		d.source, err = d.Records.Source(t.Context(), tx, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func openApp(t *testing.T, o Options) *App {
	t.Helper()
	a, err := New(t.Context(), o, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	a.Pipeline.SecondLook = 0
	return a
}

// post hands in a post, with the pictures of the seeds, and returns its id when all that follows is done.
func (d *office) post(t *testing.T, native, text string, seeds ...uint64) string {
	t.Helper()
	d.accept(t, native, text, seeds...)
	d.settle(t)
	var id string
	if err := d.Records.DB().QueryRowContext(t.Context(), `SELECT id FROM posts WHERE native_id=$1`, native).Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

// accept hands in a post, and waits for nothing.
func (d *office) accept(t *testing.T, native, text string, seeds ...uint64) {
	t.Helper()
	p := crawler.Post{NativeID: native, URL: d.site.URL + "/p/" + native, Text: text, AuthorID: "someone", At: time.Now().Add(-time.Hour)}
	for _, s := range seeds {
		p.Photos = append(p.Photos, crawler.PhotoURL{URL: fmt.Sprintf("%s/%d.jpg", d.site.URL, s)})
	}
	if err := d.Pipeline.Accept(t.Context(), d.source, "", crawler.Page{Posts: []crawler.Post{p}}); err != nil {
		t.Fatal(err)
	}
}

func (d *office) report(t *testing.T, name string, seeds ...uint64) string {
	t.Helper()
	var photos [][]byte
	for _, s := range seeds {
		photos = append(photos, draw(s))
	}
	id, problems, err := d.Pipeline.AddReport(t.Context(), "tester", record.Report{Kind: record.ReportMissing, Name: name, SourceName: "form",
		Contact: d.Pipeline.SealContact(pipeline.Contact{Name: "plovername", Phone: "010-5550-1234"})}, photos)
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v, %v", problems, err)
	}
	d.settle(t)
	return id
}

// settle works until no job is waiting.
func (d *office) settle(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := d.WorkUntil(ctx, func() (bool, error) {
		n, err := d.Pipeline.Waiting(ctx)
		return len(n) == 0, err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// tables is every row of every table of ours, as text, but those that say which processes run.
func tables(t *testing.T, a *App) map[string][]string {
	t.Helper()
	names := query(t, a, `SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'river_client%' AND name NOT IN ('workers', 'river_leader')`)
	out := map[string][]string{}
	for _, name := range names {
		out[name] = query(t, a, `SELECT * FROM "`+name+`"`)
		slices.Sort(out[name])
	}
	if len(out) < 20 {
		t.Fatalf("only %d tables", len(out))
	}
	return out
}

func query(t *testing.T, a *App, q string) []string {
	t.Helper()
	rows, err := a.Records.DB().QueryContext(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for rows.Next() {
		values, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		parts := make([]string, len(values))
		for i, v := range values {
			parts[i] = string(v)
		}
		out = append(out, strings.Join(parts, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// pictures is every stored picture, opened, by its key.
func pictures(t *testing.T, a *App) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := a.Blobs.List(t.Context(), func(key string) error {
		b, err := a.Pipeline.Picture(t.Context(), key)
		out[key] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// elsewhere is where a backup is restored to: a new data folder beside the old one, with the same keys.
func (d *office) elsewhere(t *testing.T) Options {
	o := d.Options
	o.Data = filepath.Join(t.TempDir(), "data")
	return o
}

func (d *office) backup(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := d.Backup(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestARestoreEqualsItsSource_S38(t *testing.T) {
	d := newOffice(t)
	d.report(t, "林示例", 1)
	d.post(t, "1", "天桥 男孩", 1, 2)
	d.post(t, "2", "没有图片")
	rows, blobs := tables(t, d.App), pictures(t, d.App)
	if len(rows["leads"]) != 1 || len(blobs) != 9 {
		t.Fatalf("%d leads, %d pictures", len(rows["leads"]), len(blobs))
	}
	old := d.backup(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	o := d.elsewhere(t)
	n, err := Restore(t.Context(), o, d.Log, bytes.NewReader(old), d.Options.Data)
	if err != nil || n.Erased != 0 || n.Pictures != len(blobs) {
		t.Fatalf("%+v, %v", n, err)
	}
	restored := openApp(t, o)
	if diff := cmp.Diff(rows, tables(t, restored)); diff != "" {
		t.Errorf("source -, restored +\n%s", diff)
	}
	if diff := cmp.Diff(blobs, pictures(t, restored)); diff != "" {
		t.Error("pictures differ")
	}
	v, err := restored.Pipeline.Verify(t.Context())
	if err != nil || len(v.Problems) > 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestAnOldBackupDoesNotBringBackWhatWasErased_S38(t *testing.T) {
	for _, from := range []bool{true, false} {
		t.Run(fmt.Sprintf("with the old folder %v", from), func(t *testing.T) {
			ctx := t.Context()
			d := newOffice(t)
			pictured, worded := d.post(t, "1", "quailpost", 1), d.post(t, "2", "ravenpost")
			kept := d.post(t, "3", "staying", 3)
			shown, told := d.report(t, "quailreport", 4), d.report(t, "ravenreport")
			old := d.backup(t)
			for _, id := range []string{pictured, worded, shown, told} {
				if err := d.Pipeline.Erase(ctx, "command", id, "asked"); err != nil {
					t.Fatal(err)
				}
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			o, before := d.elsewhere(t), ""
			if from {
				before = d.Options.Data
			}
			n, err := Restore(ctx, o, d.Log, bytes.NewReader(old), before)
			if err != nil {
				t.Fatal(err)
			}
			// What had a picture is known by its destroyed key; of bare words only the old folder's tombstones tell.
			gone, words := 2, []string{"quail"}
			if from {
				gone, words = 4, []string{"quail", "raven"}
			}
			if n.Erased != gone {
				t.Errorf("erased %d, want %d", n.Erased, gone)
			}
			absent(t, files(t, o.Data), words...)
			restored := openApp(t, o)
			if _, err := restored.Records.Post(ctx, nil, kept); err != nil {
				t.Errorf("what was not erased: %v", err)
			}
			v, err := restored.Pipeline.Verify(ctx)
			if err != nil || len(v.Problems) > 0 {
				t.Errorf("%+v, %v", v, err)
			}
			// It does not come back by a crawl either.
			if from {
				again := crawler.Post{NativeID: "2", URL: d.site.URL + "/p/2", Text: "ravenpost"}
				if err := restored.Pipeline.Accept(ctx, d.source, "", crawler.Page{Posts: []crawler.Post{again}}); err != nil {
					t.Fatal(err)
				}
				if err := restored.Records.Checkpoint(ctx); err != nil {
					t.Fatal(err)
				}
				absent(t, files(t, o.Data), "raven")
			}
		})
	}
}

func TestARestoreEndsWhatHasOutlivedItself_S38(t *testing.T) {
	d := newOffice(t)
	d.post(t, "1", "quailpost", 1)
	d.Now = func() time.Time { return time.Now().Add(-366 * 24 * time.Hour) }
	d.post(t, "2", "ravenpost")
	old := d.backup(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	o := d.elsewhere(t)
	if n, err := Restore(t.Context(), o, d.Log, bytes.NewReader(old), ""); err != nil || n.Erased != 0 {
		t.Fatalf("%+v, %v", n, err)
	}
	absent(t, files(t, o.Data), "raven")
	if posts := query(t, openApp(t, o), `SELECT native_id FROM posts`); len(posts) != 1 || posts[0] != "1" {
		t.Errorf("posts %v", posts)
	}
}

func TestARestoreEndsEveryToken(t *testing.T) {
	d := newOffice(t)
	gate, err := d.Gate()
	if err != nil {
		t.Fatal(err)
	}
	id, err := d.addUser(t.Context(), gate, "wang", "a fine long passphrase", []record.Role{record.Volunteer}, "")
	if err != nil {
		t.Fatal(err)
	}
	var secret string
	err = d.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		_, secret, err = gate.NewToken(t.Context(), tx, record.Token{UserID: id, Name: "n", Scopes: []string{"reports:read"}, CreatedBy: id, ExpiresAt: d.Now().Add(time.Hour)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := gate.Bearer(t.Context(), "Bearer "+secret); err != nil {
		t.Fatal(err)
	}
	old := d.backup(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	o := d.elsewhere(t)
	if _, err := Restore(t.Context(), o, d.Log, bytes.NewReader(old), ""); err != nil {
		t.Fatal(err)
	}
	restored := openApp(t, o)
	if gate, err = restored.Gate(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := gate.Bearer(t.Context(), "Bearer "+secret); !errors.Is(err, auth.ErrRefused) {
		t.Errorf("after the restore: %v", err)
	}
}

func TestAFailedRestoreLeavesTheFolderEmpty(t *testing.T) {
	d := newOffice(t)
	d.post(t, "1", "天桥", 1)
	old := d.backup(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if k, err := blob.CreateKeys(filepath.Join(other, "keys")); err != nil || k.Close() != nil {
		t.Fatal(err)
	}
	noRecord := func() []byte {
		var b bytes.Buffer
		in, out := tar.NewReader(bytes.NewReader(old)), tar.NewWriter(&b)
		h, err := in.Next()
		if err != nil {
			t.Fatal(err)
		}
		if err := out.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(out, in); err != nil {
			t.Fatal(err)
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}()
	for name, c := range map[string]struct {
		backup []byte
		keys   string
		want   error
	}{
		"other keys":  {old, filepath.Join(other, "keys"), blob.ErrWrongKey},
		"cut off":     {old[:len(old)*2/3], "", nil},
		"no backup":   {[]byte("a letter"), "", nil},
		"no record":   {noRecord, "", nil},
		"empty":       {nil, "", nil},
		"no old data": {old, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			o, from := d.elsewhere(t), ""
			if c.keys != "" {
				o.Keys = c.keys
			}
			if name == "no old data" {
				from = t.TempDir()
			}
			_, err := Restore(t.Context(), o, d.Log, bytes.NewReader(c.backup), from)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
			if left, err := os.ReadDir(o.Data); err == nil && len(left) > 0 {
				t.Errorf("%s and %d more are left", left[0].Name(), len(left)-1)
			}
		})
	}
}

func TestARestoreTouchesNoFolderInUse(t *testing.T) {
	d := newOffice(t)
	d.post(t, "1", "天桥")
	old := d.backup(t)
	rows := tables(t, d.App)
	if _, err := Restore(t.Context(), d.Options, d.Log, bytes.NewReader(old), ""); err == nil {
		t.Error("restored over data that is there")
	}
	if diff := cmp.Diff(rows, tables(t, d.App)); diff != "" {
		t.Errorf("-was +is\n%s", diff)
	}
}

// files is every file below the folders.
func files(t *testing.T, dirs ...string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			out[path], err = os.ReadFile(path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(out) == 0 {
		t.Fatalf("no files in %v", dirs)
	}
	return out
}

// absent fails for every file in which one of the words stands.
func absent(t *testing.T, files map[string][]byte, words ...string) {
	t.Helper()
	for name, b := range files {
		for _, w := range words {
			if i := bytes.Index(b, []byte(w)); i >= 0 {
				t.Errorf("%s holds %q: %q", filepath.Base(name), w, b[max(0, i-40):min(len(b), i+len(w)+40)])
			}
		}
	}
}

func TestDataAndBackupsRevealNothingWithoutTheKeys_S48(t *testing.T) {
	ctx := t.Context()
	d := newOffice(t)
	d.report(t, "林示例", 1)
	d.post(t, "1", "天桥", 1, 2)
	gate, err := d.Gate()
	if err != nil {
		t.Fatal(err)
	}
	factor := join(t, d, gate)
	user, err := d.Records.UserNamed(ctx, nil, "first")
	if err != nil || len(user.Factor) == 0 {
		t.Fatalf("%+v, %v", user, err)
	}
	secret := notify.NewSecret()
	err = d.Records.Tx(ctx, func(tx *sql.Tx) error {
		q, err := d.Records.AddSavedQuery(ctx, tx, record.SavedQuery{UserID: user.ID, Name: "q", Query: "天桥"})
		if err != nil {
			return err
		}
		_, err = d.Records.AddSubscription(ctx, tx, record.Subscription{UserID: user.ID, SavedQueryID: q, Channel: record.Webhook,
			Target: d.Keys.Seal("subscription", []byte("https://ploverhook.example.org/")), Secret: d.Keys.Seal("subscription", []byte(secret))})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	backup := d.backup(t)
	all := files(t, d.Options.Data)
	all["backup"] = backup
	absent(t, all, "plover", "5550-1234", secret, strings.TrimPrefix(secret, "whsec_"), factor, passphraseOfFirst, "\xff\xd8\xff\xdb\x00\x84\x00")
	// No key stands in the data or in a backup: not the master key, not a picture's.
	for _, b := range files(t, d.Options.Keys) {
		if len(b) >= 32 && len(b) < 4096 { // the master key's file
			absent(t, all, string(b[:32]))
		}
	}
}

const passphraseOfFirst = "kestrel over the long field"

// join makes the first account as a person does, and returns the secret of its second factor.
func join(t *testing.T, d *office, gate *auth.Gate) string {
	t.Helper()
	ctx := t.Context()
	link, err := gate.FirstAdmin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	token := link[strings.LastIndexByte(link, '/')+1:]
	inv, err := gate.Link(ctx, token)
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.ReplaceAll(inv.Factor.Secret, " ", "")
	code, err := totp.GenerateCode(secret, d.Now())
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	gate.Sessions(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		err = gate.Accept(r.Context(), token, "first", passphraseOfFirst, code, "192.0.2.1")
	})).ServeHTTP(w, httptest.NewRequestWithContext(ctx, "POST", "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestKeysLieApartFromTheData_S48(t *testing.T) {
	dir := t.TempDir()
	for _, o := range []Options{
		{Data: dir, Keys: dir},
		{Data: dir, Keys: filepath.Join(dir, "keys")},
		{Data: filepath.Join(dir, "keys", "data"), Keys: filepath.Join(dir, "keys")},
		{Data: filepath.Join(dir, "x", "..", "d"), Keys: filepath.Join(dir, "d", "k")},
	} {
		if a, err := New(t.Context(), o, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("taken: %+v, %v", o, a.Close())
		}
	}
	inside := filepath.Join(dir, "d2", "really-keys")
	if err := os.MkdirAll(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(inside, filepath.Join(dir, "looks-apart")); err != nil {
		t.Skip("no symbolic links: ", err)
	}
	if a, err := New(t.Context(), Options{Data: filepath.Join(dir, "d2"), Keys: filepath.Join(dir, "looks-apart")}, slog.New(slog.DiscardHandler)); err == nil {
		t.Errorf("a link that leads into the data is taken, %v", a.Close())
	}
}

func TestOldCopiesOfKeysGo_S48(t *testing.T) {
	d := newOffice(t)
	now := time.Date(2012, 3, 1, 2, 11, 0, 0, time.UTC)
	d.Now = func() time.Time { return now }
	for range 12 {
		if err := d.backUpKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
		now = now.Add(24 * time.Hour)
	}
	list, err := os.ReadDir(filepath.Join(d.Options.Keys, "backup"))
	if err != nil {
		t.Fatal(err)
	}
	oldest := now.Add(-24 * time.Hour).Add(-d.Policy.Lives.BackupKeys.D()).Format(time.DateOnly)
	for _, e := range list {
		if e.Name() < oldest {
			t.Errorf("%s is still there on %s", e.Name(), now.Format(time.DateOnly))
		}
	}
	if len(list) < 6 {
		t.Errorf("%d copies", len(list))
	}
}

func TestHalvesOfAKilledBackupGo_S38(t *testing.T) {
	d := newOffice(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(d.Options.Data, "backup-123")
	if err := os.Mkdir(half, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{filepath.Join(half, "xunqin.db"), filepath.Join(d.Options.Data, "index.db.new"), filepath.Join(d.Options.Data, "index.db.new-wal")} {
		if err := os.WriteFile(f, []byte("quail"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	openApp(t, d.Options)
	absent(t, files(t, d.Options.Data), "quail")
}

func TestNewKeysAreNotMadeForOldData(t *testing.T) {
	d := newOffice(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(d.Options.Keys, d.Options.Keys+"-lost"); err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), d.Options, d.Log); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(d.Options.Keys); err == nil {
		t.Error("a folder of new keys was made")
	}
}
