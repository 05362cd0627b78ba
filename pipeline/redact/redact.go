// Package redact decides how words from outside are shown. All text of posts,
// reports and notices passes through [Text] on its way to a page, and all
// places through [Place]: what identifies or locates a person is masked
// according to who looks, and characters that cannot be seen are made visible.
//
// It reads shapes, not meaning: names of people stay, and a house described in
// words stays. Where a shape is in doubt it masks.
package redact

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Mask stands where something was masked.
const Mask = "•••"

// A View says what the person who looks may see. The zero View shows least.
type View struct {
	ShowContacts bool // telephone numbers, mail addresses, chat accounts
	ShowStreet   bool // what is finer than a county: street, house, named building
}

// Text is s as v may see it. Identity and card numbers, vehicle plates and the
// secret parts of addresses on the web are masked in every view. Bidi controls
// and other characters without a shape come out as ⟦U+202E⟧, and bytes that are
// not UTF-8 as U+FFFD. Text of its own result changes nothing.
func Text(s string, v View) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	// What is masked leaves less to match, so this ends; a second pass is rare.
	for {
		shown := mask(visible(s), v)
		if shown == s {
			return s
		}
		s = shown
	}
}

// span is a part of a text, in bytes.
type span struct{ from, to int }

func mask(s string, v View) string {
	words, digits := fold(s, false), fold(s, true)
	spans := digits.source(identities(digits.text))
	spans = append(spans, words.source(secrets(words.text))...)
	if !v.ShowContacts {
		spans = append(spans, digits.source(contacts(digits.text))...)
		spans = append(spans, words.source(addresses(words.text))...)
	}
	if !v.ShowStreet {
		spans = append(spans, words.source(streets(words.text))...)
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var out strings.Builder
	end := 0
	for _, p := range spans {
		if p.from > end || end == 0 {
			out.WriteString(s[end:p.from])
			out.WriteString(Mask)
		}
		end = max(end, p.to)
	}
	out.WriteString(s[end:])
	return out.String()
}

// unseen are characters without a shape of their own that Unicode does not
// count as format or control characters.
const unseen = "\u034f\u115f\u1160\u17b4\u17b5\u2028\u2029\u2800\u3164\uffa0"

func invisible(r rune) bool {
	switch r {
	case '\n', '\t', '\r':
		return false
	}
	return unicode.In(r, unicode.Cf, unicode.Cc) || strings.ContainsRune(unseen, r)
}

// visible writes out invisible characters, except the joiner inside a
// composed emoji.
func visible(s string) string {
	var out strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		switch {
		case r == '\u200d' && i > 0 && i+1 < len(runes) && emoji(runes[i-1]) && emoji(runes[i+1]):
			out.WriteRune(r)
		case invisible(r):
			fmt.Fprintf(&out, "⟦U+%04X⟧", r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

func emoji(r rune) bool {
	return r == '\ufe0f' || unicode.In(r, unicode.So, unicode.Sk)
}

// marker is an invisible character as visible writes it.
var marker = regexp.MustCompile(`⟦U\+[0-9A-F]{4,6}⟧`)
