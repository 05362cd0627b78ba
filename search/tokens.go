package search

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// The analyser, from characters to tokens:
//
//   - Invisible characters go first (format characters, variation selectors,
//     enclosing marks): people put zero-width spaces into words to get them past
//     filters, and they must not hide a name from us. Then NFKC, lower case, and
//     NFKC again, since lower-casing may leave something to compose.
//   - A unit is a run of letters, digits and marks, or one symbol such as an emoji,
//     or one character of a script written without spaces between words (Chinese,
//     Japanese, Korean, Yi, Thai and its neighbours), here called dense.
//   - Dense characters that touch are a run. Characters that each stand alone
//     between spaces are a run too: forms stretch a name of two characters to the
//     width of three, 张　伟, and headings are spread, 寻 人 启 事.
//   - Between two dense characters of different runs stands a Break, so that 张。三
//     is not found by 张三. Elsewhere what is between two units does not count.

// Break is the token between two characters that do not touch. Being punctuation,
// it is never a unit.
const Break = "。"

// wordLimit cuts longer words into pieces of as many characters; engines cut or
// drop long tokens, each at a place of its own.
const wordLimit = 64

// Tokens is the only analyser, of texts and of queries alike. singles are the
// units of s in their order, with Breaks; what Match says is defined on them alone.
// words serve engines that must be fast: the same, but the characters of a dense
// run as overlapping pairs (寻找孩子 is 寻找, 找孩, 孩子; a character alone is itself).
func Tokens(s string) (words, singles []string) {
	units := split(s)
	words, singles = make([]string, 0, len(units)), make([]string, 0, len(units))
	for i, u := range units {
		if u.broken {
			words, singles = append(words, Break), append(singles, Break)
		}
		singles = append(singles, u.text)
		switch {
		case i+1 < len(units) && units[i+1].glued:
			words = append(words, u.text+units[i+1].text)
		case !u.glued:
			words = append(words, u.text)
		}
	}
	return words, singles
}

// Sought says how an engine that keeps words as well as singles finds s fast: if run, by
// words alone, one after the other, which then says the same as the singles; and if not,
// by singles one after the other and by words anywhere, which are rarer.
func Sought(s string) (run bool, words, singles []string) {
	words, singles = Tokens(s)
	rarer := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return slices.Contains(singles, w) })
	if len(words) == len(singles)-1 && len(rarer) == len(words) {
		return true, words, singles // one run of characters
	}
	return false, rarer, singles
}

// Analyser names the rules that Tokens follows in this build, with the Unicode
// tables it was compiled with. An index made under another name must be made anew.
func Analyser() string {
	return "1 unicode " + unicode.Version + " nfkc " + norm.Version
}

type gap uint8 // what is between a unit and the one before

const (
	none gap = iota
	space
	other
)

type unit struct {
	text   string
	dense  bool
	gap    gap
	glued  bool // of one dense run with the unit before
	broken bool // both dense, not of one run
}

func split(s string) []unit {
	var units []unit
	s = fold(s)
	g := other
	start, runes := -1, 0 // of the word being read
	flush := func(end int) {
		if start >= 0 {
			units = append(units, unit{text: s[start:end], gap: g})
			start, g = -1, none
		}
	}
	for i, r := range s {
		c := classify(r)
		if c == mark { // belongs to what it follows
			c = letter
			if start < 0 && g == none && len(units) > 0 && units[len(units)-1].dense {
				c = dense
			}
		}
		if c == letter {
			if start >= 0 && runes == wordLimit {
				flush(i)
			}
			if start < 0 {
				start, runes = i, 0
			}
			runes++
			continue
		}
		flush(i)
		switch c {
		case dense, symbol:
			units = append(units, unit{text: string(r), dense: c == dense, gap: g})
			g = none
		case blank:
			g = max(g, space)
		case punctuation:
			g = other
		}
	}
	flush(len(s))
	glue(units)
	return units
}

func glue(units []unit) {
	apart := func(i int) bool { // whether unit i does not touch a dense unit i-1
		return i == 0 || i == len(units) || units[i].gap != none || !units[i].dense || !units[i-1].dense
	}
	alone := func(i int) bool { return apart(i) && apart(i+1) }
	for i := 1; i < len(units); i++ {
		if u := &units[i]; u.dense && units[i-1].dense {
			u.glued = u.gap == none || u.gap == space && alone(i-1) && alone(i)
			u.broken = !u.glued
		}
	}
}

// fold is what makes two spellings the same word.
func fold(s string) string {
	if ascii(s) {
		return strings.ToLower(s)
	}
	s = norm.NFKC.String(strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		return r
	}, s))
	s = norm.NFKC.String(strings.Map(unicode.ToLower, s))
	// The library puts a grapheme joiner into endless sequences of marks.
	return strings.ReplaceAll(s, "\u034f", "")
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func invisible(r rune) bool {
	return r >= 0x80 && unicode.In(r, unicode.Cf, unicode.Me, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

type class uint8

const (
	punctuation class = iota
	blank
	letter // or digit
	mark
	symbol
	dense
)

func classify(r rune) class {
	switch {
	case r < 0x80:
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return letter
		case r == ' ' || '\t' <= r && r <= '\r':
			return blank
		}
		return punctuation
	case isDense(r):
		return dense
	case unicode.IsLetter(r), unicode.IsNumber(r):
		return letter
	case unicode.IsMark(r):
		return mark
	case unicode.IsSpace(r):
		return blank
	case unicode.Is(unicode.So, r) && r != unicode.ReplacementChar:
		return symbol
	}
	return punctuation
}

func isDense(r rune) bool {
	switch {
	case 0x4e00 <= r && r <= 0x9fff:
		return true
	case r < 0x0e00: // no script below is dense
		return false
	case 0x20000 <= r && r <= 0x3fffd: // reserved for ideographs, also those our tables do not know yet
		return true
	case r == 'ー', unicode.Is(unicode.Co, r): // private use: characters of rare names
		return true
	}
	return unicode.In(r, unicode.L, unicode.N, unicode.M, unicode.So) &&
		unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Hangul, unicode.Yi,
			unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tai_Le, unicode.New_Tai_Lue, unicode.Tai_Tham)
}

// contains reports whether part stands in whole without anything in between.
func contains(whole, part []string) bool {
	for i := 0; i+len(part) <= len(whole); i++ {
		if slices.Equal(whole[i:i+len(part)], part) {
			return true
		}
	}
	return false
}
