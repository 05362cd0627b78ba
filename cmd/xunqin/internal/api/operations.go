package api

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"xunqin/cmd/xunqin/internal/desk"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/record"
	"xunqin/search"
)

// operation is one line of the API's table: what is called, with which scope, and what answers.
type operation struct {
	method, path, id  string
	scope             string // one of desk.Scopes; every operation has one but those of the token itself
	tag               string
	summary, describe string
	errors            []int // beside those that every operation may answer with
	mostBody          int64 // bytes; 0 is mostBody
	request           *huma.RequestBody
	register          func(*Server, huma.API)
}

// body is the most the request's body may weigh.
func (o operation) body() int64 {
	if o.mostBody > 0 {
		return o.mostBody
	}
	return mostBody
}

// allows reports whether somebody may call the operation: the token has the scope, and its person a role that allows it.
func (o operation) allows(a asker) bool {
	if o.scope == "" {
		return true
	}
	i := slices.IndexFunc(desk.Scopes(), func(s desk.Scope) bool { return s.Name == o.scope })
	return i >= 0 && slices.Contains(a.token.Scopes, o.scope) && desk.Scopes()[i].Allows(a.user)
}

// check finds operations that say too little.
func (o operation) check() error {
	known := o.scope == "" || slices.ContainsFunc(desk.Scopes(), func(s desk.Scope) bool { return s.Name == o.scope })
	if !known || o.method == "" || o.path == "" || o.id == "" || o.summary == "" || o.describe == "" || o.register == nil {
		return fmt.Errorf("operation %s %s says too little, or a scope there is not", o.method, o.path)
	}
	return nil
}

// always are the statuses that every operation may answer with.
func always() []int {
	return []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}
}

// add registers an operation with what answers it.
func add[I, O any](o operation, handle func(*Server, *desk.Page, *I) (*O, error)) operation {
	o.register = func(s *Server, x huma.API) {
		op := huma.Operation{Method: o.method, Path: o.path, OperationID: o.id, Summary: o.summary, Tags: []string{o.tag}, MaxBodyBytes: o.body(), BodyReadTimeout: 30 * time.Second,
			RequestBody: o.request, Responses: map[string]*huma.Response{}, Security: []map[string][]string{{"token": {}}}, Middlewares: huma.Middlewares{s.guard(o)}}
		op.Description = o.describe
		if o.scope != "" {
			op.Description += "\n\nScope: `" + o.scope + "`."
			op.Security = []map[string][]string{{"token": {o.scope}}}
			op.Extensions = map[string]any{"x-scope": o.scope}
		}
		schema := x.OpenAPI().Components.Schemas.Schema(typeOf[Problem](), true, "Problem")
		for _, status := range append(always(), o.errors...) {
			op.Responses[strconv.Itoa(status)] = &huma.Response{Description: http.StatusText(status), Headers: headersOf(status),
				Content: map[string]*huma.MediaType{"application/problem+json": {Schema: schema}}}
		}
		huma.Register(x, op, func(ctx context.Context, in *I) (*O, error) {
			p := pageOf(ctx)
			out, err := handle(s, p, in)
			if err == nil {
				return out, nil
			}
			var own *Problem
			if errors.As(err, &own) {
				return nil, own
			}
			return nil, s.fail(p, err)
		})
	}
	return o
}

// headersOf are the headers that an error answer carries beside the usual ones.
func headersOf(status int) map[string]*huma.Param {
	switch status {
	case http.StatusUnauthorized:
		return map[string]*huma.Param{"WWW-Authenticate": {Description: "How to show a token.", Schema: &huma.Schema{Type: "string"}}}
	case http.StatusTooManyRequests:
		return map[string]*huma.Param{"Retry-After": {Description: "Seconds to wait.", Schema: &huma.Schema{Type: "integer", Minimum: ptr(1.0)}}}
	}
	return nil
}

func ptr[T any](v T) *T { return &v }

// operations is the whole table.
func (s *Server) operations() []operation {
	return slices.Concat(tokenOperations(), s.searchOperations(), thingOperations(), reportOperations(), leadOperations(), ownOperations())
}

// RouteLines lists the table beside the desk's. No browser sends a token of its own accord, so nothing else keeps another site out.
func (s *Server) RouteLines() []desk.RouteLine {
	open := func(path string) desk.RouteLine {
		return desk.RouteLine{Method: "GET", Path: Base + path, Roles: []string{"anonymous"}, CSRF: "none", Cache: desk.Static}
	}
	lines := []desk.RouteLine{open("/openapi.json"), open("/openapi.yaml")}
	for _, o := range s.operations() {
		l := desk.RouteLine{Method: o.method, Path: Base + o.path, CSRF: "bearer", Cache: desk.NoStore}
		for _, scope := range desk.Scopes() {
			if scope.Name == o.scope {
				for _, role := range scope.Roles {
					l.Roles = append(l.Roles, string(role))
				}
			}
		}
		if o.scope == "" {
			l.Roles = []string{"signed-in"}
		}
		lines = append(lines, l)
	}
	return lines
}

// answer is a body that is JSON.
type answer[T any] struct{ Body T }

func answers[T any](v T, err error) (*answer[T], error) { return &answer[T]{v}, err }

// IDInput names one thing. Its name is exported as the library fills in exported fields alone, embedded ones too.
type IDInput struct {
	ID string `path:"id" minLength:"26" maxLength:"26" pattern:"^[a-z2-7]{26}$" doc:"Id of the thing." example:"k3vq2m7xw5b4tzr6p2ynd3cjaf"`
}

// PageInput asks for a page of a list.
type PageInput struct {
	Cursor string `query:"cursor" minLength:"28" maxLength:"44" pattern:"^[0-9]{1,15}[.][a-z2-7]{26}$" doc:"Where the page begins: the value of next of the page before. Without it, the first page."`
	Limit  int    `query:"limit" minimum:"1" maximum:"50" default:"20" doc:"Things a page, at most."`
}

// key reads the cursor, which the document's pattern has checked.
func (in PageInput) key() (search.Key, error) { return readCursor(in.Cursor) }

// readCursor reads what writeCursor wrote.
func readCursor(s string) (search.Key, error) { return search.ParseKey(s) }

// Me is the token that asks.
type Me struct {
	Person  string   `json:"person" doc:"Name of the person in whose name it asks." example:"demo-volunteer"`
	Roles   []string `json:"roles" nullable:"false" example:"[\"volunteer\"]"`
	Token   string   `json:"token" doc:"What the person called the token." example:"nightly comparison"`
	Scopes  []string `json:"scopes" nullable:"false" doc:"What it is good for, as far as the roles allow it now." example:"[\"search:words\"]"`
	Expires string   `json:"expires" format:"date-time" example:"2026-05-31T09:00:00Z"`
}

func tokenOperations() []operation {
	return []operation{
		add(operation{method: "GET", path: "/me", id: "me", tag: "token", summary: "Who asks", describe: "The token that asks: in whose name, for what, until when. It needs no scope."},
			func(s *Server, p *desk.Page, _ *struct{}) (*answer[Me], error) {
				t, err := p.Asking()
				if err != nil {
					return nil, err
				}
				me := Me{Person: p.User.Name, Roles: []string{}, Token: t.Name, Scopes: []string{}, Expires: t.ExpiresAt.UTC().Format(time.RFC3339)}
				for _, r := range p.User.Roles {
					me.Roles = append(me.Roles, string(r))
				}
				for _, scope := range desk.ScopesFor(p.User) {
					if slices.Contains(t.Scopes, scope) {
						me.Scopes = append(me.Scopes, scope)
					}
				}
				return answers(me, nil)
			}),
	}
}

// WordsFound is a page of what a query finds.
type WordsFound struct {
	Query   string       `json:"query" doc:"As it was asked." example:"天桥 男孩"`
	Means   string       `json:"means" doc:"The query in words, in the reader's language." example:"the words 天桥 and 男孩"`
	Groups  []Group      `json:"groups" nullable:"false" doc:"Posts, by picture; those of the newest posts first."`
	Reports []ReportLine `json:"reports" nullable:"false"`
	Outside int          `json:"outside" doc:"Pictures and reports on this page that lie outside the person's work." example:"0"`
	Total   int          `json:"total" doc:"Documents in all; counted up to 1,000." example:"36"`
	More    bool         `json:"more" doc:"There are more than total."`
	Facets  []Facet      `json:"facets" nullable:"false" doc:"On the first page, when asked for, for people whose work covers every place."`
	Counted int          `json:"counted,omitempty" doc:"Documents in the facets, if not all."`
	Next    string       `json:"next,omitempty" doc:"Cursor of the next page; absent on the last."`
	Lag
}

// Lag says how far an answer may lack what is newest.
type Lag struct {
	Degraded bool   `json:"degraded" doc:"The index did not answer, or not all of it, or has not taken everything in: see the other fields for what may be missing."`
	Behind   int64  `json:"behind" doc:"Changes it had not taken in; -1 when nobody knows how many." example:"0"`
	Partial  bool   `json:"partial,omitempty" doc:"Part of the index did not answer: results may be missing."`
	Record   bool   `json:"record,omitempty" doc:"The index did not answer; the record itself was read instead, newest first, for a bounded time. Total is of this page then."`
	LookedTo string `json:"looked_to,omitempty" doc:"From the record: back to when it was read for this page; absent when all of it was." example:"2024-05-01T04:00:00Z"`
}

func lag(v desk.IndexView) Lag {
	return Lag{Degraded: v.Behind != 0 || v.Partial || v.Record, Behind: max(v.Behind, -1), Partial: v.Partial, Record: v.Record, LookedTo: v.To.Machine}
}

// PhotosFound is what a search by photo finds.
type PhotosFound struct {
	Matchable bool         `json:"matchable" doc:"False when the picture cannot be compared: it is too flat or too small, or refused. Nothing was looked for then."`
	Refused   string       `json:"refused,omitempty" doc:"Why the picture cannot be read, for machines: unknown-format, truncated, corrupt, too-many-pixels and the like." example:"unknown-format"`
	Why       string       `json:"why,omitempty" doc:"Why, and what to do, in the reader's language."`
	Groups    []Group      `json:"groups" nullable:"false" doc:"Pictures with a copy, the nearest first; what is no copy comes last."`
	Reports   []ReportLine `json:"reports" nullable:"false" doc:"Reports with a copy, the nearest first; what is no copy comes last."`
	Outside   int          `json:"outside" doc:"Pictures and reports that were found outside the person's work." example:"0"`
	More      bool         `json:"more" doc:"By fingerprint: there are others beyond the nearest 200 photos."`
	Radius    int          `json:"radius,omitempty" doc:"By fingerprint: the radius that was used." example:"10"`
	Lag
}

func photosFound(v desk.PhotoSearchView, more bool, radius int) PhotosFound {
	return PhotosFound{Matchable: !v.Flat, Groups: append(groups(v.Groups, false), groups(v.ApartGroups, true)...), Reports: append(reportLines(v.Reports, false), reportLines(v.ApartReports, true)...),
		Outside: v.Outside, More: more, Radius: radius, Lag: lag(v.Index)}
}

type wordsInput struct {
	Query string `query:"q" required:"true" minLength:"1" maxLength:"2000" doc:"A query in the one query language: words, \"phrases\", -not, or, groups and fields, as at the desk." example:"天桥 男孩"`
	PageInput
	Facets bool `query:"facets" doc:"Count what is found by division, month, age, sex, kind, status and source."`
}

type fingerprintInput struct {
	Hex    string `path:"hex" minLength:"16" maxLength:"64" pattern:"^([0-9a-f]{16}|[0-9a-f]{64})$" doc:"The fingerprint: 64 bits (pHash) or 256 bits (this project's), as lower-case hexadecimal, the most significant bit first." example:"c3d1a58e7b4f2690"`
	Radius int    `query:"radius" minimum:"0" maximum:"48" default:"31" doc:"Bits that may differ; of 64 bits at most 12, more is taken as that." example:"10"`
}

// fingerprint is what the input names.
func (in fingerprintInput) fingerprint() (search.Fingerprint, int, error) {
	b, err := hex.DecodeString(in.Hex)
	if err != nil {
		return search.Fingerprint{}, 0, err
	}
	if len(b) == 8 {
		return search.Fingerprint{Algo: photo.Perception, Bits: b}, min(in.Radius, photo.PerceptionRadius), nil
	}
	return search.Fingerprint{Algo: photo.Transform, Bits: b}, min(in.Radius, photo.TransformRadius), nil
}

func (s *Server) searchOperations() []operation {
	binary := map[string]*huma.MediaType{}
	for _, kind := range photoKinds() {
		binary[kind] = &huma.MediaType{Schema: &huma.Schema{Type: "string", Format: "binary"}}
	}
	return []operation{
		add(operation{method: "GET", path: "/search", id: "searchWords", scope: desk.ScopeWords, tag: "search", summary: "Search by words", errors: []int{404},
			describe: "Finds posts, notices and reports that a query accepts, the newest first, grouped by picture. A query that cannot be read is answered 422 with the character. " +
				"Pages count against the person's searches in an hour."},
			func(s *Server, p *desk.Page, in *wordsInput) (*answer[WordsFound], error) {
				after, err := in.key()
				if err != nil {
					return nil, err
				}
				v, next, err := p.Words(in.Query, search.Page{After: after, Limit: in.Limit}, in.Facets)
				if err != nil {
					return nil, err
				}
				if v.Wrong != nil {
					e := s.problem(p.Lang, http.StatusUnprocessableEntity, "query", "n", v.Wrong.Character, "why", v.Wrong.Message)
					e.Character = v.Wrong.Character
					return nil, e
				}
				out := WordsFound{Query: v.Query, Means: v.Means, Groups: groups(v.Groups, false), Reports: reportLines(v.Reports, false), Outside: v.Outside, Total: v.Total, More: v.More, Facets: []Facet{},
					Counted: v.Counted, Next: next.String(), Lag: lag(v.Index)}
				for _, f := range v.Facets {
					of := Facet{Name: f.Name, Counts: []Count{}}
					for _, l := range f.Lines {
						of.Counts = append(of.Counts, Count{l.Value, l.Label, l.N, l.Query})
					}
					out.Facets = append(out.Facets, of)
				}
				return answers(out, nil)
			}),
		add(operation{method: "POST", path: "/search/photo", id: "searchPhoto", scope: desk.ScopePhoto, tag: "search", summary: "Search by photo", errors: []int{400, 413, 415},
			mostBody: s.Desk.Policy.Limits.Upload, request: &huma.RequestBody{Description: "The photo itself, as a file; what it is is seen from its bytes.", Required: true, Content: binary},
			describe: "Finds copies of a photo among all posts and reports, however it was edited. The photo lives in the memory of this request alone: it is not stored and not logged. " +
				"What is found are copies of a photograph, not pictures of the same child. Of a photo that cannot be read, the answer says why."},
			func(s *Server, p *desk.Page, _ *struct{}) (*answer[PhotosFound], error) {
				v, refused, why, err := p.ByPhoto(func() ([]byte, error) { return s.readPhoto(p) })
				if err != nil {
					return nil, err
				}
				out := photosFound(v, false, 0)
				if refused != "" {
					out.Matchable, out.Refused, out.Why = false, refused, why
				}
				return answers(out, nil)
			}),
		add(operation{method: "GET", path: "/search/fingerprint/{hex}", id: "searchFingerprint", scope: desk.ScopePhoto, tag: "search", summary: "Search by fingerprint",
			describe: "Finds photos whose fingerprint is at most radius bits from one, the nearest first, 200 photos at most. Nothing is held against the pictures themselves: a search by photo tells more."},
			func(s *Server, p *desk.Page, in *fingerprintInput) (*answer[PhotosFound], error) {
				f, radius, err := in.fingerprint()
				if err != nil {
					return nil, err
				}
				v, more, err := p.ByFingerprint(f, radius)
				if err != nil {
					return nil, err
				}
				return answers(photosFound(v, more, radius), nil)
			}),
	}
}

// photoKinds are the kinds of bodies that are taken for photos.
func photoKinds() []string {
	return []string{"image/jpeg", "image/png", "image/webp", "image/gif", "image/avif", "application/octet-stream"}
}

// readPhoto reads the body into memory.
func (s *Server) readPhoto(p *desk.Page) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(p.R.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(photoKinds(), kind) {
		return nil, s.problem(p.Lang, http.StatusUnsupportedMediaType, "media")
	}
	b, err := io.ReadAll(p.R.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, err
	case err != nil:
		return nil, s.problem(p.Lang, http.StatusBadRequest, "form")
	}
	return b, nil
}

type leadInput struct {
	IDInput
	Copy string `query:"copy" minLength:"26" maxLength:"26" pattern:"^[a-z2-7]{26}$" doc:"Id of the photo of the copy to show it beside; without it, the earliest."`
}

type blurredInput struct {
	IDInput
	Until string `query:"until" required:"true" minLength:"1" maxLength:"12" pattern:"^[0-9]{1,12}$" doc:"Part of the link." example:"1772442300"`
	Sign  string `query:"sign" required:"true" minLength:"1" maxLength:"100" pattern:"^[A-Za-z0-9_-]{1,100}$" doc:"Part of the link." example:"9a8b7c6d"`
}

type blurredOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func thingOperations() []operation {
	missing := []int{http.StatusNotFound}
	blurred := add(operation{method: "GET", path: "/photos/{id}/blurred", id: "readBlurred", scope: desk.ScopePhotos, tag: "things", summary: "The blurred form of a photo", errors: missing,
		describe: "A small JPEG in which no person can be made out. Only links that the API gave lead here, within five minutes and with the same token (else 403). No other form of a photo is sent."},
		func(s *Server, p *desk.Page, _ *blurredInput) (*blurredOutput, error) {
			b, err := p.Blurred()
			return &blurredOutput{"image/jpeg", b}, err
		})
	return []operation{
		add(operation{method: "GET", path: "/posts/{id}", id: "readPost", scope: desk.ScopePosts, tag: "things", summary: "One post", errors: missing, describe: "A post with what was read from its words, and its photos. " + alike},
			func(s *Server, p *desk.Page, _ *IDInput) (*answer[Post], error) {
				v, err := p.Post()
				return answers(post(v), err)
			}),
		add(operation{method: "GET", path: "/pictures/{id}", id: "readPicture", scope: desk.ScopePosts, tag: "things", summary: "One picture with its copies", errors: missing, describe: "All copies of one picture that lie within the person's work, and its leads. " + alike},
			func(s *Server, p *desk.Page, _ *IDInput) (*answer[Picture], error) {
				v, err := p.Picture()
				return answers(picture(v), err)
			}),
		add(operation{method: "GET", path: "/photos/{id}", id: "readPhoto", scope: desk.ScopePhotos, tag: "things", summary: "One photo", errors: missing, describe: "What is known of one photo, and where its blurred form is. " + alike},
			func(s *Server, p *desk.Page, _ *IDInput) (*answer[Photo], error) {
				v, err := p.Photo()
				return answers(Photo(v), err)
			}),
		blurred,
	}
}

// alike says what a 404 does not.
const alike = "What is not there and what the person may not see are answered alike."

// ReportsFound is a page of reports.
type ReportsFound struct {
	Reports []ReportLine `json:"reports" nullable:"false" doc:"The newest first."`
	Next    string       `json:"next,omitempty" doc:"Cursor of the next page; absent on the last."`
}

func reportOperations() []operation {
	return []operation{
		add(operation{method: "GET", path: "/reports", id: "listReports", scope: desk.ScopeReports, tag: "reports", summary: "Reports", describe: "The reports within the person's work, the newest first."},
			func(s *Server, p *desk.Page, in *PageInput) (*answer[ReportsFound], error) {
				after, err := in.key()
				if err != nil {
					return nil, err
				}
				lines, next, err := p.Reports(after, in.Limit)
				return answers(ReportsFound{reportLines(lines, false), next.String()}, err)
			}),
		add(operation{method: "GET", path: "/reports/{id}", id: "readReport", scope: desk.ScopeReports, tag: "reports", summary: "One report", errors: []int{http.StatusNotFound},
			describe: "A report as its reader may read it, with its photos and leads. Whom to call is not in it: that stands at the desk. " + alike},
			func(s *Server, p *desk.Page, _ *IDInput) (*answer[Report], error) {
				v, err := p.Report()
				return answers(report(v), err)
			}),
	}
}

// LeadsFound is a page of leads.
type LeadsFound struct {
	Leads []LeadLine `json:"leads" nullable:"false" doc:"Who waits longest first."`
	Next  string     `json:"next,omitempty" doc:"Cursor of the next page; absent on the last."`
}

type leadsInput struct {
	List string `query:"list" enum:"review,second,mine,done" default:"review" doc:"Nobody has looked (review), a second person is needed (second), those the person has taken (mine), or decided ones (done)."`
	PageInput
}

// Opinion is a verdict as it is given.
type Opinion struct {
	Decision string `json:"decision" enum:"same,likely,different,unsure,harmful" doc:"The same picture; the same child likely (only with a reason); different; cannot tell; harmful: it is sealed and nobody sees it any more." example:"different"`
	Reason   string `json:"reason,omitempty" maxLength:"1000" doc:"Why; needed for likely." example:"the mark is on the other side"`
	Seen     string `json:"seen" minLength:"1" maxLength:"200" doc:"The value of seen of the lead as it was read." example:"unchecked.9a8b7c6d"`
}

// TransformSchema says that likely needs a reason, which no tag can. The library does not look: the desk does.
func (Opinion) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	others := []any{record.Same, record.Different, record.Unsure, record.Harmful}
	s.AnyOf = []*huma.Schema{
		{Properties: map[string]*huma.Schema{"decision": {Type: "string", Enum: others}}},
		{Properties: map[string]*huma.Schema{"decision": {Type: "string", Enum: []any{record.Likely}}, "reason": {Type: "string", Pattern: `\S`}}, Required: []string{"reason"}},
	}
	return s
}

type verdictInput struct {
	IDInput
	Body Opinion
}

// Decided is the lead after a verdict.
type Decided struct {
	ID    string `json:"id" example:"k3vq2m7xw5b4tzr6p2ynd3cjaf"`
	State string `json:"state" enum:"unchecked,first,agreed,disputed,different,unsure,harmful" example:"first"`
}

func leadOperations() []operation {
	return []operation{
		add(operation{method: "GET", path: "/leads", id: "listLeads", scope: desk.ScopeLeads, tag: "leads", summary: "Leads", describe: "The leads within the person's work, who waits longest first. A lead is unchecked until two people agree."},
			func(s *Server, p *desk.Page, in *leadsInput) (*answer[LeadsFound], error) {
				after, err := in.key()
				if err != nil {
					return nil, err
				}
				lines, next, err := p.Leads(in.List, after, in.Limit)
				return answers(LeadsFound{leadLines(lines), next.String()}, err)
			}),
		add(operation{method: "GET", path: "/leads/{id}", id: "readLead", scope: desk.ScopeLeads, tag: "leads", summary: "One lead", errors: []int{http.StatusNotFound},
			describe: "A lead with what speaks for and against it. Verdicts of others stay hidden until the person has given their own. " + alike},
			func(s *Server, p *desk.Page, in *leadInput) (*answer[Lead], error) {
				v, err := p.Lead(in.Copy)
				return answers(lead(v), err)
			}),
		add(operation{method: "POST", path: "/leads/{id}/verdict", id: "decideLead", scope: desk.ScopeDecide, tag: "leads", summary: "Give a verdict", errors: []int{400, 404, 409, 413, 415},
			describe: "The person's own verdict on a lead. One is not enough for anything to leave the desk: a second person decides without knowing the first one's verdict. It can be taken back for a while. " +
				"409 when the person has decided before, or has not seen the lead as `seen` says."},
			func(s *Server, p *desk.Page, in *verdictInput) (*answer[Decided], error) {
				state, err := p.Decide(in.Body.Decision, in.Body.Reason, in.Body.Seen)
				var e *desk.Problem
				if errors.As(err, &e) && e.Key == "verdict" {
					return nil, s.problem(p.Lang, http.StatusConflict, "seen")
				}
				return answers(Decided{in.ID, state}, err)
			}),
		add(operation{method: "DELETE", path: "/leads/{id}/verdict", id: "undoVerdict", scope: desk.ScopeDecide, tag: "leads", summary: "Take a verdict back", errors: []int{404, 409},
			describe: "Takes the person's own verdict back, within the first minutes; 409 afterwards, or when there is none."},
			func(s *Server, p *desk.Page, in *IDInput) (*struct{}, error) { return nil, p.Undo() }),
	}
}
