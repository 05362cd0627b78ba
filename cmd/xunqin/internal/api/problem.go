package api

import (
	"encoding/json"
	"maps"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"xunqin/cmd/xunqin/internal/desk"
)

// Problem is an answer that says what is wrong (RFC 9457), in the reader's language. It never holds what an engine said.
type Problem struct {
	Type      string        `json:"type" format:"uri" doc:"What kind of problem it is, for machines; it never changes." example:"urn:xunqin:problem:query"`
	Title     string        `json:"title" doc:"What kind, in the reader's language." example:"Understood, but not possible"`
	Status    int           `json:"status" minimum:"400" maximum:"599" example:"422"`
	Detail    string        `json:"detail" doc:"What happened, whether anything was saved and what can be done, in the reader's language." example:"The query cannot be read at character 5: the quotation mark is never closed"`
	Character int           `json:"character,omitempty" minimum:"1" doc:"Where the query cannot be read: the character's place, from 1." example:"5"`
	Errors    []BadValue    `json:"errors,omitempty" nullable:"false" doc:"What does not keep to this document."`
	wait      time.Duration // until it may be asked again
}

// BadValue says which part of a request does not keep to the document.
type BadValue struct {
	Location string `json:"location" doc:"Where: path, query or body, then the name." example:"query.limit"`
	Message  string `json:"message" doc:"In the reader's language." example:"It is too large."`
}

func (e *Problem) Error() string { return e.Type }

// GetStatus implements huma.StatusError.
func (e *Problem) GetStatus() int { return e.Status }

// ContentType implements huma.ContentTypeFilter.
func (*Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders implements huma.HeadersError.
func (e *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if e.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="xunqin"`)
	}
	if e.wait > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.wait.Seconds()))))
	}
	return h
}

// problem makes the answer of a key of the catalog's table of problems.
func (s *Server) problem(lang string, status int, key string, args ...any) *Problem {
	return &Problem{Type: "urn:xunqin:problem:" + key, Title: s.Desk.Texts.T(lang, "apititle."+strconv.Itoa(status)), Status: status, Detail: s.Desk.Texts.T(lang, "problem."+key, args...)}
}

// fail makes the answer to what went wrong behind a page.
func (s *Server) fail(p *desk.Page, err error) error {
	if err == nil {
		return nil
	}
	d := p.Problem(err)
	out := s.problem(p.Lang, d.Status, d.Key, d.Args...)
	if !d.Until.IsZero() {
		out.wait = max(time.Second, d.Until.Sub(s.Desk.Now()))
	}
	return out
}

// write answers with the problem where the library does not.
func (e *Problem) write(w http.ResponseWriter, lang string) {
	h := w.Header()
	for k, v := range e.GetHeaders() {
		h[k] = v
	}
	h.Set("Content-Type", e.ContentType(""))
	h.Set("Content-Language", lang)
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(e) // the reader has gone
}

// complaints are the sentences in which the library says what does not keep to the document, by how they begin, and their keys.
func complaints() []struct{ begins, key string } {
	return []struct{ begins, key string }{
		{"required ", "missing"}, {"expected required property", "missing"}, {"unexpected property", "unknown"}, {"unknown query parameter", "unknown"},
		{"expected value to be one of", "choice"}, {"expected string to match pattern", "pattern"}, {"expected string to be", "pattern"},
		{"expected length >=", "short"}, {"expected length <=", "long"}, {"expected number >=", "small"}, {"expected number <=", "large"},
		{"expected ", "kind"}, {"invalid integer", "kind"}, {"invalid boolean", "kind"}, {"invalid ", "kind"}, {"strconv.", "kind"},
	}
}

// place is how the library names a part of a request, as far as it is repeated: names, never values.
var place = regexp.MustCompile(`^(path|query|header|body)[A-Za-z0-9_.\[\]-]{0,80}$`)

// translate turns what the library says of a request into words of ours.
func (s *Server) translate(lang string, e *huma.ErrorModel) *Problem {
	key := "invalid"
	switch e.Status {
	case http.StatusRequestEntityTooLarge:
		key = "large"
	case http.StatusUnsupportedMediaType:
		key = "media"
	case http.StatusBadRequest, http.StatusRequestTimeout:
		key = "form"
	}
	status := e.Status
	if status >= 500 { // the library's own, which handlers leave nothing for
		return s.problem(lang, http.StatusInternalServerError, "internal", "code", newCode())
	}
	out := s.problem(lang, status, key)
	for _, d := range e.Errors {
		bad := BadValue{Location: "body"}
		if place.MatchString(d.Location) {
			bad.Location = d.Location
		}
		text := "other"
		for _, c := range complaints() {
			if strings.HasPrefix(d.Message, c.begins) {
				text = c.key
				break
			}
		}
		bad.Message = s.Desk.Texts.T(lang, "apibad."+text)
		out.Errors = append(out.Errors, bad)
	}
	return out
}

// checkQuery refuses what the library would read as if it were not there: a query that is not well encoded, and parameters that are
// empty or stand twice.
func (s *Server) checkQuery(lang, raw string) *Problem {
	values, err := url.ParseQuery(raw)
	bad := map[string]string{}
	if err != nil {
		bad["query"] = "other"
	}
	for name, list := range values {
		at := "query." + name
		if !place.MatchString(at) {
			at = "query"
		}
		switch {
		case len(list) > 1:
			bad[at] = "twice"
		case list[0] == "":
			bad[at] = "missing"
		case !utf8.ValidString(list[0]):
			bad[at] = "kind"
		}
	}
	if len(bad) == 0 {
		return nil
	}
	p := s.problem(lang, http.StatusUnprocessableEntity, "invalid")
	for _, at := range slices.Sorted(maps.Keys(bad)) {
		p.Errors = append(p.Errors, BadValue{at, s.Desk.Texts.T(lang, "apibad."+bad[at])})
	}
	return p
}
