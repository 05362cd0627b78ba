package redact

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// The kinds of what [Find] finds.
const (
	KindPhone   = "phone"
	KindAccount = "account" // of a chat service
	KindMail    = "mail"    // a mail address, or a link that opens a chat
	KindID      = "id"      // a number of a person's document, or a card
	KindPlate   = "plate"   // of a vehicle
)

// A Found is something that identifies or reaches a person: bytes From to To
// of the text. Value is the same however it was written (138 0013-8000 and
// 一三八零零一三八零零零 are 13800138000): whoever keeps it keeps a secret.
type Found struct {
	Kind     string
	From, To int
	Value    string
}

// Find lists what [Text] masks for everybody or as a contact, in order and
// without overlaps. It takes microseconds for a text without digits.
func Find(s string) []Found {
	if !suspicious(s) {
		return nil
	}
	words, digits := fold(s, false), fold(s, true)
	var found []Found
	add := func(f folded, kind string, spans []span) {
		for _, p := range spans {
			value := f.text[p.from:p.to]
			p = f.source([]span{p})[0]
			found = append(found, Found{kind, p.from, p.to, normal(kind, value)})
		}
	}
	identity := identities(digits.text)
	for _, p := range identity {
		kind := KindID
		if v := digits.text[p.from:p.to]; strings.ContainsFunc(v, unicode.IsLetter) && len(digitsOf(v)) < 9 || plateLike(digits.text, p) {
			kind = KindPlate
		}
		add(digits, kind, []span{p})
	}
	account := accounts(digits.text)
	add(digits, KindAccount, account)
	for _, p := range contacts(digits.text) {
		if !slices.Contains(account, p) {
			add(digits, KindPhone, []span{p})
		}
	}
	add(words, KindMail, addresses(words.text))
	slices.SortStableFunc(found, func(a, b Found) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(b.To, a.To)) })
	var apart []Found
	for _, f := range found {
		if n := len(apart); n == 0 || f.From >= apart[n-1].To {
			apart = append(apart, f)
		}
	}
	return apart
}

// plateLike reports that what was found follows a word for a plate.
func plateLike(text string, p span) bool {
	return afterPlate.MatchString(tail(text[:p.from], 30) + text[p.from:p.to])
}

// suspicious reports that a text may hold something for Find at all: seven
// digits, however written, no two of them far apart, or a sign or a word for
// an address or a plate.
func suspicious(s string) bool {
	near, since := 0, 0
	for i, r := range s {
		if r == '@' || r == '/' && strings.HasPrefix(s[i:], "/") && strings.HasSuffix(s[:i], ".me") {
			return true
		}
		_, chinese := numeral(r)
		if unicode.Is(unicode.Nd, r) || chinese {
			near++
			since = 0
			if near >= 4 {
				return true
			}
			continue
		}
		if since++; since > 6 {
			near = 0
		}
	}
	lower := strings.ToLower(s)
	for _, w := range [...]string{"微信", "薇信", "威信", "微讯", "v信", "vx", "wx", "加v", "wechat", "weixin", "qq", "扣扣", "whatsapp", "telegram", "(at)", "[at]", " at ", "车牌", "牌照", "车号", "牌号", "尾号", "plate", ".com/"} {
		if strings.Contains(lower, w) {
			return true
		}
	}
	return false
}

// normal is a value without what people put between its characters; a number
// of a telephone loses the code of China too.
func normal(kind, s string) string {
	if kind == KindMail {
		s = strings.NewReplacer("(at)", "@", "[at]", "@", "{at}", "@", " at ", "@", "(dot)", ".", "[dot]", ".", "{dot}", ".", " dot ", ".", " ", "").Replace(strings.ToLower(s))
		return s
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || kind == KindAccount && (r == '_' || r == '-' || r == '.') {
			return unicode.ToUpper(r)
		}
		return -1
	}, s)
	if kind == KindPhone {
		for _, code := range []string{"0086", "86"} {
			if rest, ok := strings.CutPrefix(s, code); ok && len(rest) >= 10 {
				return rest
			}
		}
	}
	return s
}
