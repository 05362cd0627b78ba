package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// folded is a text as the rules read it: without invisible characters, full
// width and other digits as ASCII. It knows where each byte came from.
type folded struct {
	text string
	from []span // for each byte of text, the part of the source it stands for
}

// fold prepares s. With numerals, Chinese numerals read out one by one become
// digits too, as telephone numbers are written to escape filters.
func fold(s string, numerals bool) folded {
	var f folded
	var text strings.Builder
	hidden := marker.FindAllStringIndex(s, -1)
	for i := 0; i < len(s); {
		if len(hidden) > 0 && hidden[0][0] == i {
			i = hidden[0][1]
			hidden = hidden[1:]
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == '\ufe0f' || r == '\ufe0e' || r == '\u20e3' || r == '\u200d' {
			// The marks that make an emoji of a digit go where it goes.
			if n := len(f.from); n > 0 {
				f.from[n-1].to = i + size
			}
		} else if !invisible(r) {
			was := text.Len()
			text.WriteString(foldRune(s[i:i+size], r, numerals))
			for range text.Len() - was {
				f.from = append(f.from, span{i, i + size})
			}
		}
		i += size
	}
	f.text = text.String()
	return f
}

func foldRune(s string, r rune, numerals bool) string {
	if numerals {
		if d, ok := numeral(r); ok {
			return string(rune('0' + d))
		}
		if r >= '❶' && r <= '❾' {
			return string(r - '❶' + '1')
		}
	}
	if r < utf8.RuneSelf {
		return s
	}
	if unicode.Is(unicode.Nd, r) {
		s = norm.NFKC.String(s)
		if r, _ = utf8.DecodeRuneInString(s); r < utf8.RuneSelf {
			return s
		}
		// Unicode keeps decimal digits of one script together, in order.
		d := 0
		for d < 9 && unicode.Is(unicode.Nd, r-rune(d)-1) {
			d++
		}
		return string(rune('0' + d))
	}
	return norm.NFKC.String(s)
}

func numeral(r rune) (int, bool) {
	switch r {
	case '零', '〇', '○', '洞', '⓿':
		return 0, true
	case '一', '壹', '幺':
		return 1, true
	case '二', '贰', '两':
		return 2, true
	case '三', '叁':
		return 3, true
	case '四', '肆':
		return 4, true
	case '五', '伍':
		return 5, true
	case '六', '陆':
		return 6, true
	case '七', '柒':
		return 7, true
	case '八', '捌':
		return 8, true
	case '九', '玖':
		return 9, true
	}
	return 0, false
}

// source turns spans of the folded text into spans of the source.
func (f folded) source(spans []span) []span {
	for i, p := range spans {
		spans[i] = span{f.from[p.from].from, f.from[p.to-1].to}
	}
	return spans
}
