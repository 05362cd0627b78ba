package desk

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"unicode/utf16"

	"xunqin/pipeline"
	"xunqin/search"
)

// facetView is a way to narrow a search, with its choices.
type facetView struct {
	Name  string
	Lines []facetLine
}

type facetLine struct {
	Value, Label, Link string
	Query              string // narrowed by it
	N                  int
}

// mostChoices is how many values of a facet are shown.
const mostChoices = 12

// facets counts what a query finds, and links each count to the query that is narrowed by it. A division is offered at the
// level below the one that is asked for, and none is finer than a county.
func (s *Server) facets(p *Page, text string, q search.Query) (list []facetView, counted search.Facets, err error) {
	counted, err = s.Pipeline.Facets(p.Context(), q, search.Facet{Below: below(q), Most: mostChoices})
	if err != nil {
		return nil, counted, err
	}
	if _, or := q.(search.Or); or {
		text = "(" + text + ")"
	}
	for _, name := range []string{search.ByDivision, search.ByMonth, search.ByAge, search.BySex, search.ByKind, search.ByStatus, search.BySource} {
		v := facetView{Name: name}
		for _, c := range counted.Counts[name] {
			if c.Docs == counted.Docs && !counted.More {
				continue // it narrows nothing
			}
			narrow := text + " " + search.Term(name, c.Value, p.Lang, pipeline.Divisions{})
			v.Lines = append(v.Lines, facetLine{Value: c.Value, Query: narrow, Label: p.facetLabel(name, c.Value), N: c.Docs, Link: "/search?" + url.Values{"q": {narrow}}.Encode()})
		}
		if name == search.ByMonth { // newest first
			slices.SortFunc(v.Lines, func(a, b facetLine) int { return cmp.Compare(b.Label, a.Label) })
		}
		if len(v.Lines) > 0 {
			list = append(list, v)
		}
	}
	return list, counted, nil
}

// below is the smallest division that a query asks for, "" where it asks for none or several.
func below(q search.Query) (code string) {
	parts, ok := q.(search.And)
	if !ok {
		parts = search.And{q}
	}
	deepest := -1
	for _, part := range parts {
		if w, ok := part.(search.Within); ok && len(w.Codes) == 1 {
			if found := (pipeline.Divisions{}).Lookup(w.Codes[0]); len(found) == 1 && len(found[0].Around) > deepest {
				code, deepest = w.Codes[0], len(found[0].Around)
			}
		}
	}
	return code
}

func (p *Page) facetLabel(facet, value string) string {
	switch facet {
	case search.ByDivision:
		if found := (pipeline.Divisions{}).Lookup(value); len(found) == 1 {
			return found[0].Full(p.Lang)
		}
	case search.ByAge:
		return p.T("ageband." + map[string]string{"..2": "small", "3..6": "young", "7..12": "school", "13..17": "teen", "18..": "adult"}[value])
	case search.BySex:
		return p.T("sex." + map[string]string{search.Male: "male", search.Female: "female"}[value])
	case search.ByKind:
		return p.T("postkind." + value)
	case search.ByStatus:
		if p.s.Texts.Has("reportstatus." + value) {
			return p.T("reportstatus." + value)
		}
	}
	return value
}

// completion is how a query may go on, as the script shows it.
type completion struct {
	Text  string `json:"text"` // what is put in
	Note  string `json:"note,omitempty"`
	Query string `json:"query"` // all of it afterwards
	At    int    `json:"at"`    // where the cursor is then, in UTF-16
}

func (s *Server) completeQuery(p *Page) error {
	var form struct {
		Query string `form:"q" max:"2000"`
		At    int    `form:"at"`
	}
	if wrong, err := p.Read(&form); err != nil {
		return err
	} else if len(wrong) > 0 {
		return &Problem{Status: http.StatusBadRequest, Key: "form"}
	}
	form.Query = p.R.URL.Query().Get("q") // blanks at its ends count
	runes := []rune(form.Query)
	list := []completion{}
	for _, c := range search.Complete(form.Query, fromUTF16(runes, form.At), p.Lang, pipeline.Divisions{}) {
		before := string(runes[:c.From]) + c.Text
		v := completion{Text: c.Text, Query: before + string(runes[c.To:]), At: toUTF16(before)}
		if c.Note != c.Text {
			v.Note = c.Note
		}
		list = append(list, v)
	}
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(list); err != nil {
		return err
	}
	p.W.Header().Set("Content-Type", "application/json")
	p.written = true
	_, _ = p.W.Write(b.Bytes()) // the reader has gone
	return nil
}

// fromUTF16 is how many runes come before a place that a browser counts in units of UTF-16.
func fromUTF16(runes []rune, at int) int {
	for i, r := range runes {
		if at <= 0 {
			return i
		}
		at -= len(utf16.AppendRune(nil, r))
	}
	return len(runes)
}

func toUTF16(s string) int { return len(utf16.Encode([]rune(s))) }
