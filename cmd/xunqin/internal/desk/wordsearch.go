package desk

import (
	"errors"
	"net/http"
	"net/url"

	"xunqin/pipeline"
	"xunqin/search"
)

func (s *Server) wordSearchRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/search", Roles: volunteers(), Handle: s.wordSearch},
		{Method: "GET", Pattern: "/search/complete", Roles: readers(), Handle: s.completeQuery},
	}
}

// wordSearchView is the form and, when something was asked, a page of what was found.
type wordSearchView struct {
	Query   string
	Wrong   *queryError
	Done    bool
	Means   string // the query in words
	Facets  []facetView
	Counted int // documents in the facets, if not all; else 0
	Groups  []groupView
	Reports []reportLine
	Outside int
	Total   int
	More    bool // there are at least Total
	Behind  int64
	Next    string
	Paged   bool // this is not the first page
	Health  crawlHealth
}

// queryError shows a query that cannot be read, with the place marked.
type queryError struct {
	Before, At, After string
	Character         int // from 1
	Message           string
}

// parseQuery reads a query as a person wrote it; the error is for the page.
func (p *Page) parseQuery(text string) (search.Query, *queryError) {
	q, err := search.Parse(text, pipeline.Divisions{})
	var bad *search.ParseError
	if !errors.As(err, &bad) {
		return q, nil
	}
	runes := []rune(text)
	at := min(bad.Offset, len(runes))
	v := &queryError{Before: string(runes[:at]), Character: at + 1, Message: bad.Message(p.Lang)}
	if at < len(runes) {
		v.At, v.After = string(runes[at]), string(runes[at+1:])
	}
	return nil, v
}

func (s *Server) wordSearch(p *Page) error {
	var form struct {
		Query string `form:"q" max:"2000"`
		After string `form:"after" max:"100"`
	}
	if _, err := p.Read(&form); err != nil {
		return err
	}
	v := wordSearchView{Query: form.Query}
	if form.Query == "" {
		return p.Render("wordsearch", v)
	}
	q, wrong := p.parseQuery(form.Query)
	if v.Wrong = wrong; wrong != nil {
		return p.Again("wordsearch", v)
	}
	after, err := search.ParseKey(form.After)
	if err != nil {
		return &Problem{Status: http.StatusBadRequest, Key: "page"}
	}
	found, err := s.Pipeline.SearchWords(p.Context(), q, search.Page{After: after})
	if err != nil {
		return err
	}
	v.Done, v.Total, v.More, v.Behind, v.Paged = true, found.Total, found.Total >= pipeline.MostCounted, found.Behind, form.After != ""
	v.Means = search.Explain(q, p.Lang, pipeline.Divisions{})
	if !v.Paged && found.Total > 1 && everywhere(p.User) {
		var counted search.Facets
		if v.Facets, counted, err = s.facets(p, form.Query, q); err != nil {
			return err
		}
		if counted.More {
			v.Counted = counted.Docs
		}
	}
	if v.Groups, v.Outside, err = s.groups(p, found.Groups); err != nil {
		return err
	}
	outside := 0
	if v.Reports, outside, err = s.reportHits(p, found.Reports); err != nil {
		return err
	}
	v.Outside += outside
	if !found.Next.IsZero() {
		v.Next = "/search?" + url.Values{"q": {form.Query}, "after": {found.Next.String()}}.Encode()
	}
	if v.Health, err = s.crawlHealth(p); err != nil {
		return err
	}
	if err := p.viewed("search-words", "", ""); err != nil {
		return err
	}
	return p.Render("wordsearch", v)
}
