package desk

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"xunqin/pipeline"
	"xunqin/search"
)

func (s *Server) wordSearchRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/search", Roles: volunteers(), Handle: s.wordSearch},
		{Method: "GET", Pattern: "/search/complete", Roles: readers(), Handle: s.completeQuery},
	}
}

// WordSearchView is the form and, when something was asked, a page of what was found.
type WordSearchView struct {
	Query   string
	Wrong   *QueryError
	Done    bool
	Means   string // the query in words
	NoCount bool   // nothing could be counted, so there are no facets
	Facets  []facetView
	Counted int // documents in the facets, if not all; else 0
	Groups  []GroupView
	Reports []ReportLine
	Outside int
	Total   int
	More    bool // there are more than Total
	Index   IndexView
	Next    string
	next    search.Key
	Paged   bool // this is not the first page
	Health  crawlHealth
	Covered CoveredView
}

// QueryError shows a query that cannot be read, with the place marked.
type QueryError struct {
	Before, At, After string // what is around the place
	Character         int    // from 1; 0 where none of it can be read
	Message           string
}

// aroundMark is how many characters of a long query are shown on either side of the marked one.
const aroundMark = 60

// parseQuery reads a query as a person wrote it; the error is for the page.
func (p *Page) parseQuery(text string) (search.Query, *QueryError) {
	q, err := search.Parse(text, pipeline.Divisions{})
	var bad *search.ParseError
	if !errors.As(err, &bad) {
		return q, nil
	}
	runes := []rune(text)
	at := min(bad.Offset, len(runes))
	v := &QueryError{Character: at + 1, Message: bad.Message(p.Lang)}
	from, to := max(0, at-aroundMark), min(len(runes), at+1+aroundMark)
	v.Before = visible(runes[from:at])
	if from > 0 {
		v.Before = "…" + v.Before
	}
	if at < len(runes) {
		v.At, v.After = strings.ReplaceAll(visible(runes[at:at+1]), " ", "␣"), visible(runes[at+1:to])
	}
	if to < len(runes) {
		v.After += "…"
	}
	return nil, v
}

// visible writes characters that nobody would see as the pictures that Unicode has of them.
func visible(runes []rune) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < 0x20:
			return 0x2400 + r
		case r == 0x7f:
			return 0x2421
		case unicode.IsControl(r):
			return 0x2426
		case unicode.IsSpace(r) && r != ' ':
			return '␣'
		}
		return r
	}, string(runes))
}

func (s *Server) wordSearch(p *Page) error {
	var form struct {
		Query string `form:"q" max:"2000"`
		After string `form:"after" max:"100"`
	}
	unread, err := p.Read(&form)
	if err != nil {
		return err
	}
	if form.Query == "" {
		if unread["q"] != "" {
			return p.Again("wordsearch", WordSearchView{Wrong: &QueryError{Message: unread["q"]}})
		}
		return p.Render("wordsearch", WordSearchView{})
	}
	after, err := search.ParseKey(form.After)
	if err != nil {
		return &Problem{Status: http.StatusBadRequest, Key: "page"}
	}
	v, err := s.findWords(p, form.Query, search.Page{After: after}, true)
	if err != nil {
		return err
	}
	if v.Wrong != nil {
		return p.Again("wordsearch", v)
	}
	if !v.next.IsZero() {
		v.Next = "/search?" + url.Values{"q": {form.Query}, "after": {v.next.String()}}.Encode()
	}
	if v.Health, err = s.crawlHealth(p); err != nil {
		return err
	}
	if v.Covered, err = s.covered(p, time.Time{}, time.Time{}); err != nil {
		return err
	}
	if err := p.viewed("search-words", "", ""); err != nil {
		return err
	}
	return p.Render("wordsearch", v)
}

// findWords makes the view of a page of what a query finds and the person may see, with counts on the first page where they are
// wanted and tell of nothing else.
func (s *Server) findWords(p *Page, query string, page search.Page, counts bool) (WordSearchView, error) {
	v := WordSearchView{Query: query}
	var q search.Query
	if q, v.Wrong = p.parseQuery(query); v.Wrong != nil {
		return v, nil
	}
	found, err := s.Pipeline.SearchWords(p.Context(), q, page)
	if err != nil {
		return v, err
	}
	v.Done, v.Total, v.More, v.Paged, v.next = true, found.Total, found.More, !page.After.IsZero(), found.Next
	v.Index = p.indexOfWords(found)
	v.Means = search.Explain(q, p.Lang, pipeline.Divisions{})
	if counts && !v.Paged && found.Total > 1 && everywhere(p.User) && found.Record == nil {
		var counted search.Facets
		v.Facets, counted, err = s.facets(p, query, q)
		if v.NoCount = errors.Is(err, search.ErrUnavailable); err != nil && !v.NoCount {
			return v, err
		}
		if counted.More {
			v.Counted = counted.Docs
		}
	}
	if v.Groups, v.Outside, err = s.groups(p, found.Groups); err != nil {
		return v, err
	}
	outside := 0
	v.Reports, outside, err = s.reportHits(p, found.Reports)
	v.Outside += outside
	return v, err
}
