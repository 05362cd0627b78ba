package facts

import (
	_ "embed"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

//go:embed simplified.txt
var simplifiedTable string

// simplified has the simplified form of each traditional character.
var simplified = sync.OnceValue(func() map[rune]rune {
	runes := []rune(simplifiedTable)
	m := make(map[rune]rune, len(runes)/2)
	for i := 0; i+1 < len(runes); i += 2 {
		m[runes[i]] = runes[i+1]
	}
	// 乾 and 著 stay in names and words that simplified writing keeps.
	delete(m, '乾')
	delete(m, '著')
	return m
})

// folded is a text as the rules read it: simplified characters, small letters,
// full width as ASCII, nothing invisible. It knows where each rune came from.
type folded struct {
	runes []rune
	at    []int32 // the byte of the source each rune begins at, and the end
}

func fold(s string) folded {
	t := folded{make([]rune, 0, len(s)/2+8), make([]int32, 0, len(s)/2+9)}
	table := simplified()
	for i, r := range s {
		switch {
		case r < utf8.RuneSelf:
			if r >= 'A' && r <= 'Z' {
				r += 'a' - 'A'
			}
			if r < ' ' && r != '\n' && r != '\t' {
				continue
			}
		case r >= 0x4e00 && r <= 0x9fff:
			if to, ok := table[r]; ok {
				r = to
			}
		case r >= 0xff01 && r <= 0xff5e:
			r -= 0xff01 - '!'
			if r >= 'A' && r <= 'Z' {
				r += 'a' - 'A'
			}
		case r == 0x3000:
			r = ' '
		case r == '’' || r == '‘':
			r = '\''
		case r >= 0x3000 && r <= 0x30ff: // Chinese punctuation
		case r == utf8.RuneError, unicode.In(r, unicode.Cf, unicode.Mn, unicode.Me):
			continue
		default:
			if f := norm.NFKC.PropertiesString(s[i:]).Decomposition(); len(f) > 0 {
				r, _ = utf8.DecodeRune(f)
			}
			r = unicode.ToLower(r)
		}
		t.runes = append(t.runes, r)
		t.at = append(t.at, int32(i))
	}
	t.at = append(t.at, int32(len(s)))
	return t
}

// trim drops blanks at both ends.
func (t *folded) trim() {
	for len(t.runes) > 0 && unicode.IsSpace(t.runes[0]) {
		t.runes, t.at = t.runes[1:], t.at[1:]
	}
	for n := len(t.runes); n > 0 && unicode.IsSpace(t.runes[n-1]); n = len(t.runes) {
		t.runes, t.at = t.runes[:n-1], t.at[:n]
	}
}

// span is the part of the source that runes i to j stand for.
func (t *folded) span(i, j int) Span { return Span{int(t.at[i]), int(t.at[j])} }

// rune is that at i, 0 outside.
func (t *folded) rune(i int) rune {
	if i < 0 || i >= len(t.runes) {
		return 0
	}
	return t.runes[i]
}

// has reports that s stands at i.
func (t *folded) has(i int, s string) bool {
	for _, r := range s {
		if t.rune(i) != r {
			return false
		}
		i++
	}
	return true
}

// any is the length in runes of the first of the words that stands at i, and
// its index; -1 if none does.
func (t *folded) any(i int, words ...string) (length, which int) {
	for k, w := range words {
		if t.has(i, w) {
			return utf8.RuneCountInString(w), k
		}
	}
	return 0, -1
}

// blank is the first rune from i on that is not a blank.
func (t *folded) blank(i int) int {
	for t.rune(i) == ' ' || t.rune(i) == '\t' {
		i++
	}
	return i
}

func han(r rune) bool    { return r >= 0x4e00 && r <= 0x9fff }
func letter(r rune) bool { return r >= 'a' && r <= 'z' }
func digit(r rune) bool  { return r >= '0' && r <= '9' }

// boundary reports that no Latin word goes on from i-1 to i.
func (t *folded) boundary(i int) bool { return !letter(t.rune(i-1)) || !letter(t.rune(i)) }

// Plain is a text as the rules read it: simplified characters, small letters,
// full width as ASCII, nothing invisible.
func Plain(s string) string { return string(fold(s).runes) }
