package pipeline_test

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"xunqin/crawler/guard"
	"xunqin/pipeline"
	"xunqin/pipeline/facts"
	"xunqin/pipeline/notify"
	"xunqin/pipeline/record"
	"xunqin/pipeline/record/recordtest"
	"xunqin/pipeline/report"
	"xunqin/search"
)

func TestOfAPostTheAllowListIsKept_S4(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		stop := r.work(t)
		id := r.site.post("天桥下 男孩", jpg(draw(1), 60))
		r.site.mu.Lock()
		post := r.site.posts[0]
		post["uri"], post["url"] = r.site.URL+"/users/hoopoehandle/statuses/"+id, r.site.URL+"/@hoopoehandle/"+id
		post["account"] = map[string]any{"id": "hoopoeaccount", "acct": "hoopoehandle", "username": "hoopoehandle", "display_name": "hoopoedisplay", "note": "<p>hoopoenote</p>",
			"url": r.site.URL + "/@hoopoehandle", "avatar": r.site.URL + "/hoopoeavatar.png", "header": r.site.URL + "/hoopoeheader.png", "followers_count": 918273645, "fields": []any{map[string]any{"name": "hoopoefield", "value": "hoopoevalue"}}}
		post["application"] = map[string]any{"name": "hoopoedevice", "website": "https://hoopoeapp.example"}
		post["mentions"] = []any{map[string]any{"id": "hoopoementioned", "acct": "hoopoementioned", "url": "https://x.example/@hoopoementioned"}}
		post["card"] = map[string]any{"title": "hoopoecard", "author_name": "hoopoecardauthor"}
		post["poll"] = map[string]any{"options": []any{map[string]any{"title": "hoopoepoll"}}}
		post["in_reply_to_account_id"], post["favourites_count"], post["replies"] = "hoopoereplied", 192837465, []any{map[string]any{"content": "hoopoecomment"}}
		post["hoopoeunknown"] = map[string]any{"hoopoekey": "hoopoeval"}
		r.site.mu.Unlock()
		if run := r.crawl(t); run.Fresh != 1 {
			t.Fatalf("run: %+v", run)
		}
		stop()
		if err := r.Records.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}

		// The whole stored row, column by column: a column that is not named here has no place in the record.
		row := r.row(t, `SELECT * FROM posts`)
		want := map[string]any{"source_id": r.source, "url": r.site.URL + "/@hoopoehandle/" + id, "kind": "post", "text": "天桥下 男孩", "place": "", "lang": "", "tags": "", "quoted_id": "", "sensitive": false, "state": "live", "step": "related",
			"facts": `{"s":"male","sw":[10,16]}`, "facts_version": int64(facts.Version), "precision": row["precision"], "edited_at": int64(0), "expires_at": int64(0)}
		for _, varies := range []string{"id", "native_id", "author", "raw_at", "posted_at", "seen_at", "digest"} {
			want[varies] = row[varies]
		}
		if diff := cmp.Diff(want, row); diff != "" {
			t.Errorf("want -, got +\n%s", diff)
		}
		if want := r.Keys.Pseudonym("author", r.source+"\x00"+r.site.URL+"/@hoopoehandle"); row["author"] != want {
			t.Errorf("author is %q, want %q", row["author"], want)
		}

		// In no file does the poster stand but in the post's own address and native id, and nothing else of the page at all.
		native, _ := row["native_id"].(string)
		for name, b := range r.raw(t) {
			for _, own := range []string{r.site.URL + "/@hoopoehandle/" + id, native} {
				b = bytes.ReplaceAll(b, []byte(own), nil)
			}
			for _, word := range []string{"hoopoe", "918273645", "192837465"} {
				if i := bytes.Index(b, []byte(word)); i >= 0 {
					t.Errorf("%s holds %q", name, b[max(0, i-60):min(len(b), i+40)])
				}
			}
		}
	})
}

// row reads one row whole.
func (r *rig) row(t *testing.T, query string) map[string]any {
	t.Helper()
	rows, err := r.Records.DB().QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	if !rows.Next() {
		t.Fatal("no row")
	}
	if err := rows.Scan(into...); err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	for i, c := range columns {
		if c == "sensitive" { // a number on SQLite
			values[i] = values[i] == true || values[i] == int64(1)
		}
		out[c] = values[i]
	}
	if rows.Next() {
		t.Fatal("more than one row")
	}
	return out
}

// large is a drawing of 1280 by 960.
func large(seed uint64) image.Image {
	m := draw(seed)
	out := image.NewRGBA(image.Rect(0, 0, 1280, 960))
	for y := range 960 {
		for x := range 1280 {
			out.Set(x, y, m.At(x*480/1280, y*360/960))
		}
	}
	return out
}

// tellTale is a JPEG that says in every place a file can where and by whom it was made: EXIF with a position, a comment, a
// foreign segment, and bytes behind its end.
func tellTale(seed uint64, canary string) []byte {
	plain := jpg(large(seed), 90)
	text := []byte(canary + "\x00")
	tiff := []byte("II*\x00\x08\x00\x00\x00\x02\x00")
	entry := func(tag, kind uint16, n, value uint32) {
		tiff = binary.LittleEndian.AppendUint16(tiff, tag)
		tiff = binary.LittleEndian.AppendUint16(tiff, kind)
		tiff = binary.LittleEndian.AppendUint32(tiff, n)
		tiff = binary.LittleEndian.AppendUint32(tiff, value)
	}
	entry(0x010e, 2, uint32(len(text)), 38) // description
	entry(0x0112, 3, 1, 6)                  // turned by 90 degrees
	tiff = append(append(tiff, 0, 0, 0, 0), text...)
	segment := func(marker byte, body []byte) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(body)+2)), body...)
	}
	out := slices.Clone(plain[:2])
	out = append(out, segment(0xe1, append([]byte("Exif\x00\x00"), tiff...))...)
	out = append(out, segment(0xe1, []byte("http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta>"+canary+"</x:xmpmeta>"))...)
	out = append(out, segment(0xed, []byte("Photoshop 3.0\x00"+canary))...)
	out = append(out, segment(0xfe, []byte(canary))...)
	return append(append(out, plain[2:]...), canary...)
}

// tellTalePNG is the like in PNG.
func tellTalePNG(seed uint64, canary string) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, large(seed)); err != nil {
		panic(err)
	}
	chunk := func(kind, body string) []byte {
		out := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
		out = append(out, kind+body...)
		return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE([]byte(kind+body)))
	}
	head := b.Bytes()[:33] // signature and IHDR
	return slices.Concat(head, chunk("tEXt", "Author\x00"+canary), chunk("eXIf", "II*\x00\x08\x00\x00\x00\x00\x00"+canary), b.Bytes()[33:], []byte(canary))
}

// bare fails when a JPEG holds more than tables, one frame and its scan.
func bare(t *testing.T, b []byte) {
	t.Helper()
	if !bytes.HasPrefix(b, []byte{0xff, 0xd8}) || !bytes.HasSuffix(b, []byte{0xff, 0xd9}) {
		t.Fatalf("%d bytes are no whole JPEG", len(b))
	}
	for i := 2; ; {
		if i+4 > len(b) || b[i] != 0xff {
			t.Fatalf("no segment at %d", i)
		}
		switch b[i+1] {
		case 0xdb, 0xc0, 0xc4, 0xdd: // tables, frame, restart interval
		case 0xda:
			if end := bytes.Index(b[i:], []byte{0xff, 0xd9}); i+end+2 != len(b) {
				t.Errorf("%d bytes stand behind the picture", len(b)-i-end-2)
			}
			return
		default:
			t.Errorf("segment %x", b[i+1])
		}
		i += 2 + int(binary.BigEndian.Uint16(b[i+2:]))
	}
}

func TestStoredPicturesAreSmallAndBare_S5_S6(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		stop := r.work(t)
		const canary = "GPS 31.2304 121.4737 avocetcanary"
		for seed, b := range [][]byte{tellTale(1, canary), tellTalePNG(2, canary)} {
			r.site.post("天桥", b)
			r.report(t, "林示例", jpg(draw(uint64(seed+11)), 90), b)
		}
		r.crawl(t)
		stop()
		photos := 0
		err := r.Records.EachPhoto(ctx, func(ph record.Photo) error {
			if ph.State != record.PhotoKept {
				t.Errorf("photo is %s: %s", ph.State, ph.Why)
				return nil
			}
			photos++
			for name, key := range map[string]string{"sharp": ph.Sharp, "blurred": ph.Blurred, "grey": ph.Grey} {
				b, err := r.Picture(ctx, key)
				if err != nil {
					t.Fatal(err)
				}
				bare(t, b)
				m, err := jpeg.DecodeConfig(bytes.NewReader(b))
				if err != nil {
					t.Fatal(err)
				}
				most := map[string]int{"sharp": 640, "blurred": 640, "grey": 128}[name]
				if max(m.Width, m.Height) > most || name == "grey" && m.ColorModel != color.GrayModel {
					t.Errorf("%s is %d by %d", name, m.Width, m.Height)
				}
				if bytes.Contains(b, []byte("avocet")) {
					t.Errorf("%s holds what its file said", name)
				}
			}
			return nil
		})
		if err != nil || photos != 6 {
			t.Fatalf("%d photos, %v", photos, err)
		}
		blobs := 0
		if err := r.Blobs.List(ctx, func(string) error { blobs++; return nil }); err != nil || blobs != 3*photos {
			t.Errorf("%d blobs of %d photos, %v", blobs, photos, err)
		}
		absent(t, r.raw(t), "avocet", "121.4737")
		// Originals are nowhere: neither as they came nor in a part that no derivative shares with them.
		for name, b := range r.raw(t) {
			for _, original := range [][]byte{tellTale(1, canary), tellTalePNG(2, canary)} {
				if middle := original[len(original)/2:][:48]; bytes.Contains(b, middle) {
					t.Errorf("%s holds bytes of an original", name)
				}
			}
		}
	})
}

func TestASmallerPictureInThePolicyIsObeyed_S6(t *testing.T) {
	r := newRig(t, recordtest.Open(t))
	var err error
	if r.Policy, err = loadPolicy(t, "[limits]\nside=320\ngrey=64\n"); err != nil {
		t.Fatal(err)
	}
	id := r.report(t, "林示例", jpg(large(1), 90))
	photos, err := r.Records.PhotosOf(t.Context(), nil, id)
	if err != nil || len(photos) != 1 {
		t.Fatalf("%+v, %v", photos, err)
	}
	for key, side := range map[string]int{photos[0].Sharp: 320, photos[0].Grey: 64} {
		b, err := r.Picture(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		m, err := jpeg.DecodeConfig(bytes.NewReader(b))
		if err != nil || max(m.Width, m.Height) != side {
			t.Errorf("%d by %d, want a long side of %d, %v", m.Width, m.Height, side, err)
		}
	}
	if len(photos[0].Prints) == 0 {
		t.Error("it has no fingerprints")
	}
}

func TestAPolicyCannotRaiseTheSizeOfPictures_S6(t *testing.T) {
	for _, text := range []string{"[limits]\nside=641\n", "[limits]\nside=641\n[reasons]\nside=\"a better look\"\n", "[limits]\ngrey=129\n[reasons]\ngrey=\"a better look\"\n"} {
		if _, err := loadPolicy(t, text); err == nil {
			t.Errorf("taken: %q", text)
		}
	}
}

// canaryServer counts who comes to an address that nobody may be led to.
func canaryServer(t *testing.T) (address string, reached *int) {
	t.Helper()
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { n++; w.Write(jpg(draw(1), 60)) }))
	t.Cleanup(s.Close)
	return s.URL, &n
}

func portOf(t *testing.T, address string) uint16 {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(n)
}

func TestPictureAddressesAndRedirectsReachNoPrivateNetwork_S7(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		stop := r.work(t)
		private, reached := canaryServer(t) // its port is not among those that are allowed, so it stands for any other inside address
		r.site.post("一", jpg(draw(1), 60), jpg(draw(2), 60), jpg(draw(3), 60))
		r.site.mu.Lock()
		media := r.site.posts[0]["media_attachments"].([]map[string]any)
		media[0]["url"] = private + "/inside.jpg"
		media[1]["url"] = r.site.URL + "/to-the-inside.jpg"
		media[2]["url"] = "http://169.254.169.254/latest/meta-data/"
		r.site.refuse = func(w http.ResponseWriter, q *http.Request) bool {
			if q.URL.Path != "/to-the-inside.jpg" {
				return false
			}
			http.Redirect(w, q, private+"/inside.jpg", http.StatusFound)
			return true
		}
		r.site.mu.Unlock()
		r.crawl(t)
		stop()
		if *reached > 0 {
			t.Errorf("the inside was reached %d times", *reached)
		}
		var whys []string
		err := r.Records.EachPhoto(ctx, func(ph record.Photo) error { whys = append(whys, ph.State+" "+ph.Why); return nil })
		if err != nil {
			t.Fatal(err)
		}
		for _, why := range whys {
			if !strings.HasPrefix(why, record.PhotoRefused+" ") || strings.Contains(why, "http") {
				t.Errorf("photo is %q", why)
			}
		}
	})
}

func TestWebhooksAndMailReachNoPrivateNetwork_S7(t *testing.T) {
	private, reached := canaryServer(t)
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		http.Redirect(w, q, private, http.StatusTemporaryRedirect)
	}))
	defer away.Close()
	d := &guard.Dialer{AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, AllowPorts: []uint16{portOf(t, away.URL)}}
	hook := &notify.Webhook{Client: &http.Client{Transport: guard.Transport(d), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	secret := notify.NewSecret()
	at := time.Date(2012, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, to := range []string{private, away.URL, "http://10.0.0.1/", "http://[::1]/", "http://169.254.169.254/"} {
		m := notify.Compose(notify.Alert{ID: record.NewID(), To: to, Secret: secret, Kind: "post", Query: record.NewID(), Lang: "en", BaseURL: "https://desk.example.org", At: at})
		if _, err := hook.Send(t.Context(), m); err == nil {
			t.Errorf("webhook to %s was accepted", to)
		}
	}
	mail := &notify.Mail{Host: strings.TrimPrefix(private, "http://"), From: "desk@example.org", Dial: d.DialContext}
	m := notify.Compose(notify.Alert{ID: record.NewID(), To: "a@example.org", Kind: "post", Query: record.NewID(), Lang: "en", BaseURL: "https://desk.example.org", At: at})
	if _, err := mail.Send(t.Context(), m); !errors.Is(err, guard.ErrRefused) {
		t.Errorf("mail: %v", err)
	}
	if *reached > 0 {
		t.Errorf("the inside was reached %d times", *reached)
	}
}

func TestImportedPictureAddressesReachNoPrivateNetwork_S7(t *testing.T) {
	private, reached := canaryServer(t)
	r := newRig(t, recordtest.Open(t))
	table, err := report.ReadCSV(strings.NewReader("number,category,name,photo_urls\nX1,missing,林示例,"+private+"/a.jpg\n"), report.Limits{}, time.Date(2012, 1, 2, 3, 4, 5, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	results, _, err := r.Import(t.Context(), "tester", table, nil, false, nil)
	if err != nil || len(results) != 1 || results[0].Outcome != report.Added {
		t.Errorf("%+v, %v", results, err)
	}
	if p := table.Rows[0].Problems; len(p) == 0 || p[len(p)-1].Code != report.ProblemUnread {
		t.Errorf("problems: %+v", p)
	}
	if *reached > 0 {
		t.Errorf("the inside was reached %d times", *reached)
	}
}

func TestTheLogOfDeedsHoldsIdsAndMachineWords_S45(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		stop := r.work(t)
		one := r.person(t, "quailperson", record.Reviewer, record.Volunteer)
		_, report := r.canaries(t, true)
		l := r.all(t)[0]
		_, verdict, err := r.Decide(ctx, one, l.ID, record.Likely, "quailreason 孩子")
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Undo(ctx, one, l.ID, verdict); err != nil {
			t.Fatal(err)
		}
		rep, err := r.Records.Report(ctx, nil, report)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.CloseReport(ctx, one, report, rep.Version); err != nil {
			t.Fatal(err)
		}
		stop()
		if err := r.Erase(ctx, one, report, "asked"); err != nil {
			t.Fatal(err)
		}
		log, err := r.Records.AuditLog(ctx, nil, 0, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, a := range log {
			seen[a.Action] = true
			for _, s := range []string{a.Actor, a.Action, a.Object, a.Detail} {
				if strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789- ") != "" || strings.Contains(s, "quail") {
					t.Errorf("%s %s %s: %q", a.Actor, a.Action, a.Object, s)
				}
			}
		}
		for _, action := range []string{"report-added", "verdict", "verdict-undone", "report-closed", "erased"} {
			if !seen[action] {
				t.Errorf("no line says %s, but %v", action, slices.Sorted(maps.Keys(seen)))
			}
		}
	})
}

func TestStoresRevealNothingSealed_S48(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		stop := r.work(t)
		contact := pipeline.Contact{Name: "plovername", Phone: "010-5550-1234"}
		_, _, err := r.AddReport(ctx, "tester", record.Report{Kind: record.ReportMissing, Name: "林示例", SourceName: "form", Contact: r.SealContact(contact)}, [][]byte{jpg(draw(1), 90)})
		if err != nil {
			t.Fatal(err)
		}
		secret := notify.NewSecret()
		err = r.Records.Tx(ctx, func(tx *sql.Tx) error {
			user, err := r.Records.AddUser(ctx, tx, record.User{Name: "a", Roles: []record.Role{record.Activist}, Factor: r.Keys.Seal("factor", []byte("ploverfactor"))})
			if err != nil {
				return err
			}
			q, err := r.Records.AddSavedQuery(ctx, tx, record.SavedQuery{UserID: user, Name: "q", Query: "天桥"})
			if err != nil {
				return err
			}
			_, err = r.Records.AddSubscription(ctx, tx, record.Subscription{UserID: user, SavedQueryID: q, Channel: record.Webhook, Lang: "en",
				Target: r.Keys.Seal("subscription", []byte("https://ploverhook.example.org/x")), Secret: r.Keys.Seal("subscription", []byte(secret))})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		r.site.post("天桥", jpg(draw(1), 60))
		if _, err := r.CrawlNow(ctx, r.source, "hand"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the alert", func() bool {
			sent := false
			if err := r.Records.EachDelivery(ctx, func(d record.Delivery) error { sent = true; return nil }); err != nil {
				t.Fatal(err)
			}
			return sent
		})
		stop()
		var dump bytes.Buffer
		if err := r.Dump(ctx, &dump); err != nil {
			t.Fatal(err)
		}
		files := r.raw(t)
		files["dump"] = dump.Bytes()
		absent(t, files, "plover", "5550-1234", secret, strings.TrimPrefix(secret, "whsec_"))
		pictures := 0
		for name, b := range files {
			if strings.Contains(name, "pictures") {
				pictures++
			}
			// How every JPEG of the encoder in use begins; three bytes alone would be found by chance in sealed ones.
			if bytes.Contains(b, []byte{0xff, 0xd8, 0xff, 0xdb, 0x00, 0x84, 0x00}) {
				t.Errorf("%s holds an open picture", name)
			}
		}
		if pictures < 6 {
			t.Errorf("looked at %d sealed pictures", pictures)
		}
		// With the keys all of it opens: what was searched for was there.
		found, err := r.SearchWords(ctx, parse(t, "天桥"), search.Page{})
		if err != nil || len(found.Groups) != 1 {
			t.Fatalf("%+v, %v", found, err)
		}
		if b, err := r.Picture(ctx, found.Groups[0].Copies[0].Photo.Sharp); err != nil || !bytes.HasPrefix(b, []byte{0xff, 0xd8, 0xff, 0xdb, 0x00, 0x84, 0x00}) {
			t.Errorf("the picture does not open, or begins otherwise: %v", err)
		}
	})
}

func TestADumpHoldsIdsStatesAndFingerprintsAlone_S48(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		stop := r.work(t)
		words, _ := r.canaries(t, true)
		stop()
		var dump bytes.Buffer
		if err := r.Dump(t.Context(), &dump); err != nil {
			t.Fatal(err)
		}
		lines := 0
		for line := range strings.Lines(dump.String()) {
			lines++
			if !json.Valid([]byte(line)) {
				t.Errorf("no JSON: %s", line)
			}
		}
		if lines < 4 {
			t.Errorf("%d lines", lines)
		}
		for _, w := range words {
			if w != "quailnative" && w != "quailnumber" && strings.Contains(dump.String(), w) {
				t.Errorf("the dump holds %q", w)
			}
		}
	})
}
