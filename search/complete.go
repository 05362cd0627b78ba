package search

import (
	"maps"
	"slices"
	"strings"
	"unicode"
)

// A Completion is what may stand at the cursor: Text instead of the characters From up
// to To of the query.
type Completion struct {
	From, To int
	Text     string
	Note     string // what Text stands for, if it does not say so itself
}

// mostCompletions bounds an answer.
const mostCompletions = 12

// Complete says how the word before the cursor, counted in characters, may go on: with
// names of fields, values of a field, divisions. Names are Chinese where what is typed
// is, or if lang begins with zh and nothing is typed.
func Complete(text string, cursor int, lang string, d Divisions) []Completion {
	p := &parser{src: []rune(text)}
	cursor = min(max(cursor, 0), len(p.src), MaxRunes)
	p.src = p.src[:cursor]
	start, quoted := 0, -1 // of the word, and of the quotation mark that is open
	for i := range p.src {
		switch {
		case p.at(i) == '"' && quoted < 0:
			quoted = i
		case p.at(i) == '"':
			quoted, start = -1, i+1
		case quoted < 0 && p.edge(i):
			start = i + 1
		}
	}
	for start < cursor && p.at(start) == '-' {
		start++
	}
	end := cursor
	if quoted >= 0 {
		end = quoted
	}
	for colon := end - 1; colon > start; colon-- {
		if p.at(colon) == ':' {
			return p.completeValue(start, colon, cursor, lang, d)
		}
	}
	if quoted >= 0 {
		return nil
	}
	return p.completeField(start, lang)
}

// completeField gives the fields whose name begins like the word at start, or like the
// end of a Chinese one.
func (p *parser) completeField(start int, lang string) (list []Completion) {
	for from := start; ; from++ {
		typed := fold(string(p.src[from:]))
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if zh := !ascii(name); strings.HasPrefix(name, typed) && (typed != "" || zh == chinese(lang)) {
				list = append(list, Completion{From: from, To: len(p.src), Text: name + ":"})
			}
		}
		if len(list) > 0 || from+1 >= len(p.src) || !isDense(p.src[from]) {
			return list[:min(len(list), mostCompletions)]
		}
	}
}

func (p *parser) completeValue(start, colon, cursor int, lang string, d Divisions) (list []Completion) {
	var field string
	for from := start; from < colon && field == ""; from++ {
		field = fields[fold(string(p.src[from:colon]))]
	}
	from := colon + 1
	for from < cursor && (p.at(from) == '"' || unicode.IsSpace(p.src[from])) {
		from++
	}
	typed := fold(string(p.src[from:]))
	from = colon + 1
	switch {
	case field == "place" || field == "near":
		if d == nil || typed == "" || strings.ContainsAny(typed, ",、") {
			return nil
		}
		for _, v := range d.Begin(typed, mostCompletions) {
			c := Completion{From: from, To: cursor, Text: v.Full("zh"), Note: v.Full(lang)}
			if len(d.Lookup(fold(c.Text))) != 1 {
				c.Text = v.Code
			}
			if field == "near" {
				c.Text += ",50km"
			}
			list = append(list, c)
		}
	default:
		for _, name := range slices.Sorted(maps.Keys(values[field])) {
			if zh := !ascii(name); strings.HasPrefix(name, typed) && (typed != "" || zh == chinese(lang)) {
				list = append(list, Completion{From: from, To: cursor, Text: name})
			}
		}
	}
	return list[:min(len(list), mostCompletions)]
}
