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
	"unicode/utf8"
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
func Text(s string, v View) string { return shown(s, v).text }

// A Piece is a part of a text as it is shown. Bytes From to To of the text are
// its own, unchanged; of what was put in the place of something both are -1.
type Piece struct {
	Text     string
	From, To int
}

// Pieces is [Text] in pieces, whose texts together are what Text gives: for
// whoever marks words of a text as it is shown. A mark must leave out what has
// no place in the text, or it tells of what is hidden there.
func Pieces(s string, v View) []Piece {
	t := shown(s, v)
	var pieces []Piece
	for i := 0; i < len(t.text); {
		j := i + 1
		for j < len(t.text) && (t.at[i] < 0 && t.at[j] < 0 || t.at[i] >= 0 && t.at[j] == t.at[j-1]+1) {
			j++
		}
		p := Piece{t.text[i:j], -1, -1}
		if t.at[i] >= 0 {
			p.From, p.To = t.at[i], t.at[j-1]+1
		}
		pieces = append(pieces, p)
		i = j
	}
	return pieces
}

func shown(s string, v View) traced {
	t := valid(s)
	// What is masked leaves less to match, so this ends; a second pass is rare.
	for {
		was := t.text
		if t = mask(visible(t), v); t.text == was {
			return t
		}
	}
}

// traced is a text that knows where each byte stood in its source, -1 of what
// did not stand there.
type traced struct {
	text string
	at   []int
}

// trace makes a text of parts of another and of words of its own.
type trace struct {
	text strings.Builder
	at   []int
}

func (t *trace) keep(of traced, from, to int) {
	t.text.WriteString(of.text[from:to])
	t.at = append(t.at, of.at[from:to]...)
}

func (t *trace) put(s string) {
	t.text.WriteString(s)
	for range len(s) {
		t.at = append(t.at, -1)
	}
}

func (t *trace) traced() traced { return traced{t.text.String(), t.at} }

// valid is s with each run of bytes that are not UTF-8 as U+FFFD.
func valid(s string) traced {
	t := traced{s, make([]int, len(s))}
	for i := range t.at {
		t.at[i] = i
	}
	if utf8.ValidString(s) {
		return t
	}
	var out trace
	broken := false
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if bad := r == utf8.RuneError && size == 1; !bad {
			out.keep(t, i, i+size)
			broken = false
		} else if !broken {
			out.put("\uFFFD")
			broken = true
		}
		i += size
	}
	return out.traced()
}

// span is a part of a text, in bytes.
type span struct{ from, to int }

func mask(t traced, v View) traced {
	words, digits := fold(t.text, false), fold(t.text, true)
	spans := digits.source(identities(digits.text))
	spans = append(spans, words.source(secrets(words.text))...)
	if !v.ShowContacts {
		spans = append(spans, digits.source(contacts(digits.text))...)
		spans = append(spans, words.source(addresses(words.text))...)
	}
	if !v.ShowStreet {
		spans = append(spans, words.source(streets(words.text))...)
	}
	if len(spans) == 0 {
		return t
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var out trace
	end := 0
	for _, p := range spans {
		if p.from > end || end == 0 {
			out.keep(t, end, p.from)
			out.put(Mask)
		}
		end = max(end, p.to)
	}
	out.keep(t, end, len(t.text))
	return out.traced()
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
func visible(t traced) traced {
	if !strings.ContainsFunc(t.text, invisible) {
		return t
	}
	var out trace
	var before rune
	for i, r := range t.text {
		size := utf8.RuneLen(r)
		after, _ := utf8.DecodeRuneInString(t.text[i+size:] + "\n")
		if invisible(r) && !(r == '\u200d' && emoji(before) && emoji(after)) {
			out.put(fmt.Sprintf("⟦U+%04X⟧", r))
		} else {
			out.keep(t, i, i+size)
		}
		before = r
	}
	return out.traced()
}

func emoji(r rune) bool {
	return r == '\ufe0f' || unicode.In(r, unicode.So, unicode.Sk)
}

// marker is an invisible character as visible writes it.
var marker = regexp.MustCompile(`⟦U\+[0-9A-F]{4,6}⟧`)
