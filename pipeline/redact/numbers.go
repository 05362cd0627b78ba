package redact

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A shape is something to mask: the given group of the expression, where ok
// (if any) agrees. Expressions have no look-around, so ok sees the whole text.
type shape struct {
	re    *regexp.Regexp
	group int
	ok    func(text string, m []int) bool
}

// find lists what the shapes match. A match that ok refuses does not hide one
// that starts inside it.
func find(text string, shapes []shape) []span {
	var spans []span
	for _, sh := range shapes {
		for at := 0; at < len(text); {
			m := sh.re.FindStringSubmatchIndex(text[at:])
			if m == nil {
				break
			}
			for i := range m {
				if m[i] >= 0 {
					m[i] += at
				}
			}
			if g := 2 * sh.group; m[g] < m[g+1] && (sh.ok == nil || sh.ok(text, m)) {
				spans = append(spans, span{m[g], m[g+1]})
				at = m[1]
				continue
			}
			_, size := utf8.DecodeRuneInString(text[m[0]:])
			at = m[0] + size
		}
	}
	return spans
}

// gap is what may stand between two digits of one number.
const gap = `[ \t\-‐-―.·,、/_\\()~*+|]{0,3}`

// plateStarts are the characters a plate begins with.
const plateStarts = `京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领滬雲遼魯蘇浙贛陝閩貴粵寧瓊領`

var (
	mobile        = regexp.MustCompile(`(?:(?:\+|00)?` + gap + `86` + gap + `)?1` + gap + `[3-9](?:` + gap + `\d){9}`)
	landline      = regexp.MustCompile(`(?:(?:\+|00)?86[ \-]{0,2})?\(?0\d{2,3}\)?[ \-‐-―.]{0,2}\d{3,4}[ \-‐-―.]{0,2}\d{4}(?:[ \-,]{0,2}(?:转|分机|(?i:ext\.?|x))[ .:]?\d{1,6}|-\d{1,5})?`)
	trunk         = regexp.MustCompile(`0\d(?:[ \-‐-―.()]{0,2}\d){7,9}`)
	service       = regexp.MustCompile(`[48]00[ \-‐-―.]{0,2}\d{3,4}[ \-‐-―.]{0,2}\d{3,4}`)
	international = regexp.MustCompile(`(?:\+|00)\d{1,3}(?:[ \-‐-―.()]{0,2}\d){6,13}`)
	american      = regexp.MustCompile(`\(?\d{3}\)?[ \-‐-―.]{1,2}\d{3}[ \-‐-―.]{1,2}\d{4}(?: ?(?i:ext\.?|x) ?\d{1,6})?`)
	local         = regexp.MustCompile(`\d{3}[\-‐-―]\d{4}|\d{4}[\-‐-― ]\d{4}`)
	afterWord     = regexp.MustCompile(`(?i)(电话|手机|座机|固话|联系方式|号码|致电|拨打|热线|传真|電話|手機|座機|固話|聯繫方式|聯絡|號碼|致電|撥打|熱線|傳真|tel|phone|mobile|cell|call|ring|sms|fax|whatsapp)[^\d\n•]{0,8}?(\+?\(?\d(?:[ \-‐-―.()]{0,2}\d){4,14})`)
	// Written to escape filters: letters for digits, a break in the middle, words for digits.
	lettered = regexp.MustCompile(`[1lI]` + gap + `[3-9](?:` + gap + `[\doO]){9}`)
	broken   = regexp.MustCompile(`1[3-9]\d{1,6}[ \t]*\r?\n[ \t]*\d{3,8}`)
	spelled  = regexp.MustCompile(`(?i)(?:(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple)[ ,.\-]{1,3}){6,}(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)`)

	run = regexp.MustCompile(`\d{7,}`)

	resident = regexp.MustCompile(`\d(?:` + gap + `\d){16}` + gap + `[\dXx]`)
	oldID    = regexp.MustCompile(`[1-9](?:` + gap + `\d){14}`)
	document = regexp.MustCompile(`(?i)(?:身份证|护照|证件|通行证|身份證|身分證|護照|證件|通行證|passport|id card|identity card|id no)(?:[号號][码碼]?| ?no\.?| ?number)?[^A-Za-z0-9\n•]{0,6}([A-Z]{0,2}[ \-]?\d[\d \-]{3,17}[\dX](?:\([\dA]\))?)`)
	starred  = regexp.MustCompile(`\d{2,}[*×#xX]{3,}[\d*×#xX]{0,20}`)
	card     = regexp.MustCompile(`\d{4}(?:[ \-‐-―]{1,2}\d{4}){2,3}(?:[ \-‐-―]{1,2}\d{1,4})?`)

	plate        = regexp.MustCompile(`[` + plateStarts + `][A-Za-z][ ·.\-_・‐-―]{0,2}([A-Za-z0-9](?:[ ·.\-]?[A-Za-z0-9]){3,5})([挂学警港澳领试超使])?`)
	armedPlate   = regexp.MustCompile(`WJ[ ·\-]?\p{Han}?[ ·\-]?\d[ ·\-]?\d{3,5}\p{Han}?`)
	embassyPlate = regexp.MustCompile(`使 ?\d{3}[ ·.\-]{0,2}\d{3}`)
	afterPlate   = regexp.MustCompile(`(?:车牌|牌照|车号|牌号|尾号|军牌|港车|車牌|車號|牌號|尾號|軍牌|港車|(?i:plate|registration))(?:[号號][码碼]?)?(?: ?(?i:no\.?|number|is|was)|为|為|是)?[^\p{L}\p{N}\n•]{0,4}(\p{Han}?[A-Z0-9](?:[ ·\-]?[A-Z0-9]){2,8})`)
)

// identities are the numbers that are masked for everybody.
func identities(text string) []span {
	return append(runs(text, 15, len(text)), find(text, []shape{
		{resident, 0, func(text string, m []int) bool {
			d := digitsOf(text[m[0]:m[1]])
			return apart(text, m) && (isDate(d[6:14]) || byParts(text[m[0]:m[1]]))
		}},
		{oldID, 0, func(text string, m []int) bool {
			s := text[m[0]:m[1]]
			return apart(text, m) && isDate("19"+digitsOf(s)[6:12]) && len(groups(s)) <= 4 && !hasDate(s)
		}},
		{document, 1, nil},
		{starred, 0, apart},
		{card, 0, func(text string, m []int) bool {
			s := text[m[0]:m[1]]
			for _, g := range groups(s) {
				if !isYear(g) {
					return apart(text, m) && len(digitsOf(s)) >= 12
				}
			}
			return false
		}},
		{plate, 0, func(text string, m []int) bool {
			n := 0
			for _, r := range text[m[2]:m[3]] {
				if r < utf8.RuneSelf && letterOrDigit(byte(r)) {
					n++
				}
			}
			if m[4] >= 0 {
				n++
			}
			return (n == 5 || n == 6) && len(digitsOf(text[m[2]:m[3]])) >= 2 && !startsWord(text[m[1]:])
		}},
		{armedPlate, 0, nil},
		{embassyPlate, 0, apart},
		{afterPlate, 1, func(text string, m []int) bool { return len(digitsOf(text[m[2]:m[3]])) > 0 }},
	})...)
}

// runs are the long numbers of some length, with nothing between the digits,
// that are not ordinary.
func runs(text string, least, most int) []span {
	var spans []span
	for _, m := range run.FindAllStringIndex(text, -1) {
		if n := m[1] - m[0]; n >= least && n <= most && !ordinary(text, m) {
			spans = append(spans, span{m[0], m[1]})
		}
	}
	return spans
}

// contacts are telephone numbers and the accounts of chat services.
func contacts(text string) []span {
	return append(find(text, []shape{
		{mobile, 0, func(text string, m []int) bool {
			s := text[m[0]:m[1]]
			g := groups(s)
			return apart(text, m) && !hasDate(s) && (len(g) <= 5 || len(g) >= len(digitsOf(s))-2)
		}},
		{lettered, 0, func(text string, m []int) bool { return !letterAt(text, m[0]-1) && !letterAt(text, m[1]) }},
		{broken, 0, func(text string, m []int) bool { return apart(text, m) && len(digitsOf(text[m[0]:m[1]])) == 11 }},
		{spelled, 0, func(text string, m []int) bool { return !letterAt(text, m[0]-1) && !letterAt(text, m[1]) }},
		{landline, 0, apart},
		{trunk, 0, func(text string, m []int) bool {
			return apart(text, m) && len(groups(text[m[0]:m[1]])) <= 5 && !labelled(text[:m[0]])
		}},
		{service, 0, apart},
		{international, 0, func(text string, m []int) bool { return apart(text, m) && !hasDate(text[m[0]:m[1]]) }},
		{american, 0, apart},
		{local, 0, func(text string, m []int) bool {
			// Years and numbered years, as in 2009-2011 and 2011-0042.
			return apart(text, m) && !isYear(text[m[0]:m[0]+4]) && !labelled(text[:m[0]]) && !inURL(text, m[0])
		}},
		{afterWord, 2, func(text string, m []int) bool {
			return !endsWord(text[:m[0]], text[m[0]]) && !digitAt(text, m[5]) && !hasDate(text[m[4]:m[5]]) && !counted(text[m[5]:])
		}},
	}), append(runs(text, 7, 14), accounts(text)...)...)
}

// apart reports that a number is not part of a longer one.
func apart(text string, m []int) bool {
	return !digitAt(text, m[0]-1) && !digitAt(text, m[1])
}

func letterAt(text string, i int) bool { return i >= 0 && i < len(text) && letterOrDigit(text[i]) }

// byParts reports that an identity number stands in its parts, region, birth
// and the rest, whatever they say.
func byParts(s string) bool {
	g := groups(strings.TrimRight(s, "Xx"))
	return len(g) >= 3 && len(g) <= 5 && len(g[0]) == 6 && len(g[len(g)-1]) >= 3
}

func digitAt(text string, i int) bool {
	return i >= 0 && i < len(text) && text[i] >= '0' && text[i] <= '9'
}

// ordinary reports that a long run of digits is no number of a person: a date
// without separators, the number of a case, a count, a part of an address on
// the web.
func ordinary(text string, m []int) bool {
	s := text[m[0]:m[1]]
	switch len(s) {
	case 8, 12, 14:
		if isDate(s[:8]) {
			return true
		}
	}
	return labelled(text[:m[0]]) || counted(text[m[1]:]) || inURL(text, m[0])
}

var label = regexp.MustCompile(`(?i)(?:编号|案号|档案|编码|序号|单号|卷号|第|case|report|record|file|ref(?:erence)?)(?: ?(?:no|number|id)\.?)?[ :#.]{0,3}[A-Z]{0,6}[\-_/]?$`)

func labelled(before string) bool { return label.MatchString(tail(before, 40)) }

func counted(after string) bool {
	return hasAnyPrefix(strings.TrimLeft(after, " "),
		"元", "块", "人", "万", "名", "年", "月", "日", "天", "岁", "个", "件", "次", "米", "公", "RMB", "CNY", "USD", "yuan", "people")
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// tail is the end of s, at most n bytes, whole characters.
func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	s = s[len(s)-n:]
	for len(s) > 0 && !utf8.RuneStart(s[0]) {
		s = s[1:]
	}
	return s
}

func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

func groups(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

func isYear(s string) bool {
	return len(s) == 4 && (strings.HasPrefix(s, "19") || strings.HasPrefix(s, "20") && s[2] <= '4')
}

// isDate reads YYYYMMDD.
func isDate(s string) bool {
	if len(s) != 8 || !isYear(s[:4]) {
		return false
	}
	month, err1 := strconv.Atoi(s[4:6])
	day, err2 := strconv.Atoi(s[6:])
	return err1 == nil && err2 == nil && month >= 1 && month <= 12 && day >= 1 && day <= 31
}

// hasDate finds year, month and day side by side among the groups of a number.
func hasDate(s string) bool {
	g := groups(s)
	for i := 0; i+2 < len(g); i++ {
		if isYear(g[i]) && len(g[i+1]) <= 2 && len(g[i+2]) <= 2 {
			return true
		}
	}
	return false
}

func letterOrDigit(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func startsWord(s string) bool { return s != "" && letterOrDigit(s[0]) }

// endsWord reports that a match starting with c continues a Latin word.
func endsWord(before string, c byte) bool {
	return before != "" && c < utf8.RuneSelf && c|0x20 >= 'a' && c|0x20 <= 'z' &&
		before[len(before)-1]|0x20 >= 'a' && before[len(before)-1]|0x20 <= 'z'
}
