package api

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"xunqin/cmd/xunqin/internal/desk"
	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/record"
	"xunqin/pipeline/record/policy"
)

func words(q string, more ...string) string {
	v := url.Values{"q": {q}}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return "/search?" + v.Encode()
}

func TestSearchesFindOnEveryEngine(t *testing.T) {
	engines(t, func(t *testing.T, s *site) {
		c := s.as(t, "reviewer", "", record.Reviewer)
		found := read[WordsFound](c, words("胎记"))
		if len(found.Groups) != 1 || found.Groups[0].Picture != s.picture || !slices.Equal(found.Groups[0].Posts, []string{s.post}) || found.Total != 2 || found.More || found.Next != "" || found.Degraded {
			t.Errorf("found %+v", found)
		}
		if len(found.Reports) != 1 || found.Reports[0].ID != s.report {
			t.Errorf("reports %+v", found.Reports)
		}
		if found.Means == "" {
			t.Error("the query is not said in words")
		}
		counted := read[WordsFound](c, words("胎记", "facets", "true"))
		i := slices.IndexFunc(counted.Facets, func(f Facet) bool { return f.Name == "kind" })
		if i < 0 || len(counted.Facets[i].Counts) != 2 || counted.Facets[i].Counts[0].Docs != 1 || counted.Facets[i].Counts[0].Query == "" {
			t.Errorf("facets %+v", counted.Facets)
		}

		a := c.do("POST", "/search/photo", "image/jpeg", jpg(draw(11), 50))
		by := decode[PhotosFound](t, a)
		if a.status != http.StatusOK || !by.Matchable || len(by.Groups) != 1 || by.Groups[0].Picture != s.picture || by.Groups[0].Likeness == "" || len(by.Reports) != 1 || by.Reports[0].ID != s.report {
			t.Errorf("by photo: %s", a.body)
		}

		for _, f := range s.photo.Prints {
			if f.Algo != photo.Perception && f.Algo != photo.Transform {
				continue
			}
			near := bytes.Clone(f.Bits)
			near[0] ^= 1
			path := fmt.Sprintf("/search/fingerprint/%x?radius=", near)
			if got := read[PhotosFound](c, path+"3"); len(got.Groups) != 1 || got.Groups[0].Picture != s.picture || got.Radius != 3 || got.More {
				t.Errorf("%s with 3 bits: %+v", f.Algo, got)
			}
			if got := read[PhotosFound](c, path+"0"); len(got.Groups)+len(got.Reports) != 0 {
				t.Errorf("%s with no bit: %+v", f.Algo, got)
			}
		}
		if got := read[PhotosFound](c, "/search/fingerprint/0123456789abcdef?radius=48"); got.Radius != photo.PerceptionRadius {
			t.Errorf("radius of 64 bits %d, want %d", got.Radius, photo.PerceptionRadius)
		}
	})
}

func TestPagesOfASearchMeetAndEnd(t *testing.T) {
	engines(t, func(t *testing.T, s *site) {
		var want []string
		err := s.desk.Records.Tx(t.Context(), func(tx *sql.Tx) error {
			source, err := s.desk.Records.SourceNamed(t.Context(), tx, "Brunnen")
			for i := range 7 {
				if err != nil {
					return err
				}
				var id string
				id, _, err = s.desk.Records.SavePost(t.Context(), tx, record.Post{SourceID: source.ID, NativeID: record.NewID(), Text: "纸杯", State: record.PostLive, PostedAt: s.now.Add(-time.Duration(i) * time.Hour)})
				want = append(want, id)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		c := s.as(t, "reviewer", "", record.Reviewer)
		var got []string
		for path, n := words("纸杯", "limit", "3"), 0; path != ""; n++ {
			if n > 5 {
				t.Fatal("the pages do not end")
			}
			page := read[WordsFound](c, path)
			for _, g := range page.Groups {
				got = append(got, g.Posts...)
			}
			if path = ""; page.Next != "" {
				path = words("纸杯", "limit", "3", "cursor", page.Next)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the posts of all pages (-want +got):\n%s", diff)
		}
	})
}

func TestAQueryErrorNamesTheCharacterInBothLanguages(t *testing.T) {
	s := newSite(t)
	c := s.as(t, "volunteer", "", record.Volunteer)
	for lang, text := range map[string]string{"en": "character 4", "zh-CN": "第 4 个字", "de, zh;q=0.5": "第 4 个字"} {
		c.lang = lang
		a := c.get(words(`天桥 "男孩`))
		p := wrong(t, a, http.StatusUnprocessableEntity, "query")
		if p.Character != 4 || !strings.Contains(p.Detail, text) {
			t.Errorf("in %s: %+v", lang, p)
		}
		if want := locale.Accepted(lang); a.header.Get("Content-Language") != want {
			t.Errorf("in %s: answered in %s", lang, a.header.Get("Content-Language"))
		}
	}
}

func TestWhatIsNotInTheDocumentIsRefusedInTheReadersWords(t *testing.T) {
	s := newSite(t)
	c := s.as(t, "volunteer", "", record.Volunteer)
	for path, want := range map[string]string{
		"/search":                                  "query.q",
		words("x", "limit", "51"):                  "query.limit",
		words("x", "limit", "many"):                "query.limit",
		words("x", "nosuch", "1"):                  "query.nosuch",
		words("x", "cursor", "../../x"):            "query.cursor",
		words(strings.Repeat("长", 2001)):           "query.q",
		words("x", "cursor", ""):                   "query.cursor",
		words("x") + "&q=y":                        "query.q",
		words("x") + "&%3Cb%3E=":                   "query",
		"/search?q=%ff%fe":                         "query.q",
		"/posts/UPPER":                             "path.id",
		"/search/fingerprint/xyz":                  "path.hex",
		"/leads?list=all":                          "query.list",
		"/inbox?before=99999999999999999999999999": "query.before",
	} {
		for _, lang := range locale.Langs() {
			c.lang = lang
			p := wrong(t, c.get(path), http.StatusUnprocessableEntity, "invalid")
			if len(p.Errors) == 0 || p.Errors[0].Location != want {
				t.Errorf("%s: %+v, want a complaint about %s", path, p.Errors, want)
			}
			for _, e := range p.Errors {
				if strings.Contains(e.Message, "⟦") || strings.Contains(e.Message, "expected") {
					t.Errorf("%s in %s: %q", path, lang, e.Message)
				}
			}
		}
	}
	c.lang = "en"
	for name, a := range map[string]reply{
		"NUL":             c.get(words("x\x00y")),
		"a broken escape": c.get("/search?q=%zz"),
		"an engine's own": c.get(words(`") OR 1=1 --`)),
	} {
		if a.status >= 500 || strings.Contains(strings.ToLower(a.body), "sql") || strings.Contains(a.body, "fts5") {
			t.Errorf("%s: status %d, %s", name, a.status, a.body)
		}
	}
	verdict := "/leads/" + s.lead + "/verdict"
	wrong(t, c.do("POST", verdict, "application/json", []byte(`{"decision":`)), http.StatusBadRequest, "form")
	wrong(t, c.do("POST", verdict, "text/plain", []byte(`x`)), http.StatusUnsupportedMediaType, "media")
	wrong(t, c.do("POST", verdict, "application/json", []byte(`{"decision":"same","seen":"x","more":1}`)), http.StatusUnprocessableEntity, "invalid")
	wrong(t, c.do("POST", verdict, "application/json", bytes.Repeat([]byte(" "), mostBody+1)), http.StatusRequestEntityTooLarge, "large")
	wrong(t, c.do("POST", "/search/photo", "text/html", s.bytes), http.StatusUnsupportedMediaType, "media")
	wrong(t, c.do("POST", "/search/photo", "image/jpeg", make([]byte, s.desk.Policy.Limits.Upload+1)), http.StatusRequestEntityTooLarge, "large")
	for name, b := range map[string][]byte{"no picture": []byte("<svg/>"), "half a picture": s.bytes[:len(s.bytes)/2], "nothing": {}} {
		got := decode[PhotosFound](t, c.do("POST", "/search/photo", "image/jpeg", b))
		if got.Matchable || got.Refused == "" || got.Why == "" || len(got.Groups) > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// roles says who may what by a program, as the table of roles does for people.
var roles = map[string][]record.Role{
	desk.ScopeWords: {record.Volunteer, record.Reviewer}, desk.ScopePhoto: {record.Volunteer, record.Reviewer}, desk.ScopePosts: {record.Volunteer, record.Reviewer},
	desk.ScopePhotos: {record.Activist, record.Volunteer, record.Reviewer}, desk.ScopeReports: {record.Volunteer, record.Reviewer}, desk.ScopeLeads: {record.Volunteer, record.Reviewer},
	desk.ScopeDecide: {record.Volunteer, record.Reviewer}, desk.ScopeQueries: {record.Activist}, desk.ScopeInbox: {record.Activist, record.Volunteer, record.Reviewer},
}

func TestOperationsAreListedBesideTheDesksRoutes(t *testing.T) {
	lines := newSite(t).RouteLines()
	if len(lines) != len(newSite(t).operations())+2 {
		t.Errorf("%d lines", len(lines))
	}
	for _, l := range lines {
		if l.Method == "" || !strings.HasPrefix(l.Path, Base+"/") || len(l.Roles) == 0 || l.CSRF == "" || l.Cache == "" || l.Method != "GET" && l.CSRF != "bearer" {
			t.Errorf("line says too little: %+v", l)
		}
	}
}

// concrete is a call of an operation on the site's objects, or on ones that are not there.
func (s *site) concrete(t testing.TB, o operation, there bool) (path, kind string, body []byte) {
	t.Helper()
	ids := map[string]string{"posts": s.post, "pictures": s.picture, "photos": s.photo.ID, "reports": s.report, "leads": s.lead}
	path = o.path
	if strings.Contains(path, "{id}") {
		id := ids[strings.Split(path, "/")[1]]
		if !there {
			id = record.NewID()
		}
		path = strings.Replace(path, "{id}", id, 1)
	}
	path = strings.Replace(path, "{hex}", "0123456789abcdef", 1)
	switch o.id {
	case "searchWords":
		path += "?q=x"
	case "readBlurred":
		path += "?until=1&sign=x"
	case "searchPhoto":
		return path, "image/jpeg", s.bytes
	case "decideLead":
		return path, "application/json", []byte(`{"decision":"different","seen":"unchecked.x"}`)
	}
	if strings.Contains(path, "{") {
		t.Fatalf("no object for %s", o.path)
	}
	return path, "", nil
}

func TestEveryOperationObeysItsScopeForEveryIdentity(t *testing.T) {
	for _, role := range append(record.Roles(), "anonymous", "wrong", "disabled", "expired", "revoked", "changed", "scopeless") {
		t.Run(string(role), func(t *testing.T) {
			s := newSite(t)
			held := []record.Role{role}
			if !slices.Contains(record.Roles(), role) {
				held = record.Roles()
			}
			var all []string
			for _, scope := range desk.Scopes() {
				all = append(all, scope.Name)
			}
			u := s.person(t, "person", "", held...)
			c := s.with(t, u, all...) // more than the roles allow: a token never widens them
			change := func(fn func(tx *sql.Tx) error) {
				if err := s.desk.Records.Tx(t.Context(), fn); err != nil {
					t.Fatal(err)
				}
			}
			switch role {
			case "anonymous":
				c.secret = ""
			case "wrong":
				c.secret = c.secret[:len(c.secret)-1] + "x"
			case "disabled":
				u.DisabledAt = s.now
				change(func(tx *sql.Tx) error { return s.desk.Records.ChangeUser(t.Context(), tx, u) })
			case "expired":
				s.pass(30 * 24 * time.Hour)
			case "revoked":
				change(func(tx *sql.Tx) error { return s.desk.Records.RevokeToken(t.Context(), tx, c.id) })
			case "changed":
				u.Password = "another"
				change(func(tx *sql.Tx) error { return s.desk.Records.ChangeUser(t.Context(), tx, u) })
			case "scopeless":
				c = s.with(t, u, "")
			}
			for _, o := range s.operations() {
				if o.scope == "" && o.id != "me" {
					t.Errorf("%s has no scope", o.id)
				}
				path, kind, body := s.concrete(t, o, true)
				a := c.do(o.method, path, kind, body)
				switch {
				case role == "scopeless" && o.scope != "":
					if p := wrong(t, a, http.StatusForbidden, "scope"); !strings.Contains(p.Detail, o.scope) {
						t.Errorf("%s does not say which scope it wants: %s", o.id, p.Detail)
					}
				case role != "scopeless" && !slices.Contains(record.Roles(), role):
					wrong(t, a, http.StatusUnauthorized, "unsigned")
					if a.header.Get("WWW-Authenticate") == "" {
						t.Errorf("%s does not say how to sign", o.id)
					}
				case o.scope == "" || slices.Contains(roles[o.scope], role):
					if a.status >= 500 || a.status == http.StatusUnauthorized || strings.Contains(a.body, "problem:scope") {
						t.Errorf("%s is allowed: %d %s", o.id, a.status, a.body)
					}
				default:
					wrong(t, a, http.StatusForbidden, "scope")
				}
			}
		})
	}
}

func TestWhatIsOutsideAPersonsWorkIsAnsweredAsWhatIsNotThere(t *testing.T) {
	for name, u := range map[string]struct {
		area  string
		roles []record.Role
		sees  bool // all of the lead
	}{
		"of the report's place": {"福建省泉州市", []record.Role{record.Volunteer}, true}, "of nowhere near": {"四川省", []record.Role{record.Volunteer}, false},
		"of everywhere": {"", []record.Role{record.Volunteer}, true}, "a reviewer": {"四川省", []record.Role{record.Reviewer}, true},
		"an activist": {"", []record.Role{record.Activist}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			c := s.as(t, "person", u.area, u.roles...)
			for _, o := range s.operations() {
				if !strings.Contains(o.path, "{id}") || o.id == "readBlurred" {
					continue
				}
				path, kind, body := s.concrete(t, o, false)
				missing := c.do(o.method, path, kind, body)
				path, kind, body = s.concrete(t, o, true)
				a := c.do(o.method, path, kind, body)
				switch here := strings.HasPrefix(o.path, "/leads") || strings.HasPrefix(o.path, "/reports"); {
				case name == "an activist" && !slices.Contains(roles[o.scope], record.Activist):
					wrong(t, a, http.StatusForbidden, "scope")
					wrong(t, missing, http.StatusForbidden, "scope")
				case !u.sees, name == "of the report's place" && !here: // the post is of Guangdong
					wrong(t, missing, http.StatusNotFound, "missing")
					if a.status != missing.status || a.body != missing.body {
						t.Errorf("%s tells itself from a missing one: %d %s", o.id, a.status, a.body)
					}
				default:
					wrong(t, missing, http.StatusNotFound, "missing")
					if a.status == http.StatusNotFound {
						t.Errorf("%s is theirs: %s", o.id, a.body)
					}
				}
			}
			if u.sees || name == "an activist" {
				return
			}
			// Nor does a search or a list say more than that there is something.
			for _, path := range []string{words("胎记"), "/reports", "/leads"} {
				if a := c.get(path); strings.Contains(a.body, s.post) || strings.Contains(a.body, s.report) || strings.Contains(a.body, s.lead) || strings.Contains(a.body, "王小明") {
					t.Errorf("%s shows what is not theirs: %s", path, a.body)
				}
			}
		})
	}
}

func TestAProgramReadsNoMoreThanItsPersonMay(t *testing.T) {
	s := newSite(t)
	everything := func(c *caller) string {
		var b strings.Builder
		for _, path := range []string{words("胎记"), "/posts/" + s.post, "/pictures/" + s.picture, "/photos/" + s.photo.ID, "/reports", "/reports/" + s.report, "/leads", "/leads/" + s.lead, "/me"} {
			b.WriteString(c.get(path).body)
		}
		b.WriteString(c.do("POST", "/search/photo", "image/jpeg", s.bytes).body)
		return b.String()
	}
	volunteer, reviewer := everything(s.as(t, "volunteer", "", record.Volunteer)), everything(s.as(t, "reviewer", "", record.Reviewer))
	for _, canary := range []string{phone, kin, "王父", "poster-canary"} {
		if strings.Contains(volunteer, canary) {
			t.Errorf("a volunteer's program reads %s", canary)
		}
	}
	if !strings.Contains(reviewer, "poster-canary") || strings.Contains(reviewer, kin) || strings.Contains(reviewer, "王父") {
		t.Error("a reviewer's program reads the post's address, and whom to call stands at the desk alone")
	}
	for _, b := range s.sharp {
		if strings.Contains(volunteer+reviewer, string(b[100:160])) {
			t.Error("a sharp picture was sent")
		}
	}
	if strings.Contains(s.log.String(), "胎记") || strings.Contains(s.log.String(), phone) {
		t.Error("the log holds what was searched for or found")
	}
}

func TestABlurredPictureComesByItsLinkAndTokenAlone(t *testing.T) {
	s := newSite(t)
	u := s.person(t, "volunteer", "", record.Volunteer)
	c := s.with(t, u)
	link := read[Photo](c, "/photos/"+s.photo.ID).Blurred
	a := c.get(link)
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "image/jpeg" || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s: %d %v", link, a.status, a.header)
	}
	want, err := s.desk.Pipeline.Picture(t.Context(), s.photo.Blurred)
	if err != nil || a.body != string(want) {
		t.Errorf("it is not the blurred form, %v", err)
	}
	sharpened := strings.Replace(link, "/blurred", "/sharp", 1)
	if a := c.get(sharpened); a.status != http.StatusNotFound {
		t.Errorf("the sharp form: %d", a.status)
	}
	wrong(t, s.with(t, u).get(link), http.StatusForbidden, "linkover")
	wrong(t, c.get(strings.Replace(link, s.photo.ID, record.NewID(), 1)), http.StatusForbidden, "linkover")
	s.pass(s.desk.Policy.Lives.Link.D())
	wrong(t, c.get(link), http.StatusForbidden, "linkover")
}

func TestTwoPeopleDecideByProgramAsAtTheDesk(t *testing.T) {
	s := newSite(t)
	first, second := s.as(t, "first", "", record.Volunteer), s.as(t, "second", "", record.Reviewer)
	decide := func(c *caller, decision, reason, seen string) reply {
		b, err := json.Marshal(map[string]string{"decision": decision, "reason": reason, "seen": seen})
		if err != nil {
			t.Fatal(err)
		}
		return c.do("POST", "/leads/"+s.lead+"/verdict", "application/json", b)
	}
	l := read[Lead](first, "/leads/"+s.lead)
	if l.State != record.LeadUnchecked || len(l.Against) == 0 || l.Seen == "" || l.Report != s.report {
		t.Fatalf("lead %+v", l)
	}
	wrong(t, decide(first, "same", "", "unchecked.forged"), http.StatusConflict, "seen")
	wrong(t, decide(second, "same", "", l.Seen), http.StatusConflict, "seen") // of another's token
	for _, reason := range []string{"", " ", "\u3000"} {
		wrong(t, decide(first, "likely", reason, l.Seen), http.StatusUnprocessableEntity, "reason")
	}
	if got := decode[Decided](t, decide(first, "same", "the same file", l.Seen)); got.State != record.LeadFirst {
		t.Errorf("after one: %+v", got)
	}
	wrong(t, decide(first, "same", "", l.Seen), http.StatusConflict, "decided")

	blind := read[Lead](second, "/leads/"+s.lead)
	if len(blind.Others) > 0 || strings.Contains(second.get("/leads/"+s.lead).body, "the same file") {
		t.Error("the second person sees the first one's verdict")
	}
	if a := first.do("DELETE", "/leads/"+s.lead+"/verdict", "", nil); a.status != http.StatusNoContent {
		t.Errorf("undo: %d %s", a.status, a.body)
	}
	wrong(t, first.do("DELETE", "/leads/"+s.lead+"/verdict", "", nil), http.StatusConflict, "stale")
	if got := decode[Decided](t, decide(first, "same", "", read[Lead](first, "/leads/"+s.lead).Seen)); got.State != record.LeadFirst {
		t.Errorf("after one again: %+v", got)
	}
	if got := decode[Decided](t, decide(second, "same", "", read[Lead](second, "/leads/"+s.lead).Seen)); got.State != record.LeadAgreed {
		t.Errorf("after two: %+v", got)
	}
	if known := read[Lead](second, "/leads/"+s.lead); len(known.Others) != 1 || known.Own == nil {
		t.Errorf("afterwards: %+v", known)
	}
}

func TestATokenMayAskSoOftenByTheClock(t *testing.T) {
	s := newSite(t, func(p *policy.Policy) { p.Limits.CallsAMinute = 6 })
	u := s.person(t, "volunteer", "", record.Volunteer)
	c, other := s.with(t, u), s.with(t, u)
	for range 3 {
		read[Me](c, "/me")
	}
	a := c.get("/me")
	wrong(t, a, http.StatusTooManyRequests, "calls")
	if got := a.header.Get("Retry-After"); got != "10" {
		t.Errorf("Retry-After %q, want 10", got)
	}
	wrong(t, c.get("/no/such/path"), http.StatusTooManyRequests, "calls")
	read[Me](other, "/me")
	s.pass(10 * time.Second)
	read[Me](c, "/me")
	wrong(t, c.get("/me"), http.StatusTooManyRequests, "calls")
}

func TestOpeningTooMuchStopsAndAlarms_S13(t *testing.T) {
	s := newSite(t, func(p *policy.Policy) {
		p.Limits.OpensAnHour, p.Limits.SearchesAnHour, p.Limits.CallsAMinute = 5, 2, 1000
	})
	u := s.person(t, "volunteer", "", record.Volunteer)
	c := s.with(t, u)
	for _, path := range []string{"/posts/" + s.post, "/pictures/" + s.picture, "/photos/" + s.photo.ID, "/reports/" + s.report, "/leads/" + s.lead} {
		if a := c.get(path); a.status != http.StatusOK {
			t.Fatalf("%s: %d", path, a.status)
		}
	}
	for range 3 {
		a := s.with(t, u).get("/posts/" + s.post) // another token is no way around
		wrong(t, a, http.StatusTooManyRequests, "opens")
		if got := a.header.Get("Retry-After"); got != "3600" {
			t.Errorf("Retry-After %q, want 3600", got)
		}
	}
	alarms, opened := 0, 0
	lines, err := s.desk.Records.AuditLog(t.Context(), nil, 0, u.ID, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		switch {
		case l.Action == "view-alarm":
			alarms++
		case strings.HasPrefix(l.Action, "view-"):
			opened++
		}
		if strings.Contains(fmt.Sprint(l), "xunqin_") {
			t.Errorf("the audit log holds a token: %v", l)
		}
	}
	if alarms != 1 || opened != 5 {
		t.Errorf("%d alarms and %d opened are noted, want 1 and 5", alarms, opened)
	}
	read[WordsFound](c, words("x"))
	read[WordsFound](c, words("x"))
	wrong(t, c.get(words("x")), http.StatusTooManyRequests, "wait")
	s.pass(time.Hour)
	read[Post](c, "/posts/"+s.post)
	read[WordsFound](c, words("x"))
}

func TestAnswersCarryTheHeadersAndAreForNobodyElse(t *testing.T) {
	s := newSite(t)
	c := s.as(t, "all", "", record.Roles()...)
	nobody := &caller{t: t, site: s}
	for name, a := range map[string]reply{"an answer": c.get("/me"), "a problem": c.get("/posts/x"), "nothing": c.get("/no/such"), "nobody's": nobody.get("/me"), "a method": c.do("PATCH", "/me", "", nil)} {
		for header, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow, noarchive, noimageindex",
			"Access-Control-Allow-Origin": "", "Set-Cookie": ""} {
			if got := a.header.Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
	}
	a := c.do("PATCH", "/leads/"+s.lead+"/verdict", "", nil)
	wrong(t, a, http.StatusMethodNotAllowed, "method")
	if got := a.header.Get("Allow"); got != "DELETE, POST" {
		t.Errorf("Allow is %q", got)
	}
	wrong(t, nobody.do("PATCH", "/me", "", nil), http.StatusUnauthorized, "unsigned")
	wrong(t, nobody.get("/no/such"), http.StatusUnauthorized, "unsigned")
}

func TestTheLastUseOfATokenIsNotedWhenItWasAWhileAgo(t *testing.T) {
	s := newSite(t)
	c := s.as(t, "volunteer", "", record.Volunteer)
	used := func() time.Time {
		v, err := s.desk.Records.Token(t.Context(), nil, c.id)
		if err != nil {
			t.Fatal(err)
		}
		return v.UsedAt
	}
	read[Me](c, "/me")
	first := used()
	s.pass(30 * time.Second)
	read[Me](c, "/me")
	if !first.Equal(s.clock().Add(-30*time.Second)) || !used().Equal(first) {
		t.Errorf("used at %v, then %v", first, used())
	}
	s.pass(30 * time.Second)
	read[Me](c, "/me")
	if !used().Equal(s.clock()) {
		t.Errorf("used at %v, want %v", used(), s.clock())
	}
	if regexp.MustCompile(`xunqin_[a-z2-7]`).MatchString(s.log.String()) {
		t.Error("the log holds a token")
	}
}

func TestAnInboxIsItsOwners(t *testing.T) {
	s := newSite(t)
	u := s.person(t, "activist", "", record.Activist)
	err := s.desk.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		q, err := s.desk.Records.AddSavedQuery(t.Context(), tx, record.SavedQuery{UserID: u.ID, Name: "胎记", Query: "胎记"})
		if err != nil {
			return err
		}
		in, err := s.desk.Records.AddSubscription(t.Context(), tx, record.Subscription{UserID: u.ID, SavedQueryID: q, Channel: record.Inbox})
		if err != nil {
			return err
		}
		_, _, err = s.desk.Records.AddDelivery(t.Context(), tx, record.Delivery{SubscriptionID: in, UserID: u.ID, SavedQueryID: q, Subject: s.post, SubjectKind: "post", PictureID: s.picture, Channel: record.Inbox, Why: "胎记"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c := s.with(t, u)
	in := read[InboxFound](c, "/inbox")
	if len(in.Alerts) != 1 || in.Alerts[0].Place != "广东省" || in.Alerts[0].Query != "胎记" || in.Alerts[0].Blurred == "" {
		t.Errorf("inbox %+v", in)
	}
	if a := c.get(in.Alerts[0].Blurred); a.status != http.StatusOK {
		t.Errorf("its picture: %d", a.status)
	}
	if got := read[QueriesFound](c, "/queries"); len(got.Queries) != 1 || got.Queries[0].Query != "胎记" {
		t.Errorf("queries %+v", got)
	}
	other := s.as(t, "another", "", record.Activist)
	if in := read[InboxFound](other, "/inbox"); len(in.Alerts) != 0 {
		t.Errorf("another's inbox %+v", in)
	}
	if got := read[QueriesFound](other, "/queries"); len(got.Queries) != 0 {
		t.Errorf("another's queries %+v", got)
	}
}
