package redact

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
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
	look := suspect(s)
	if look == (suspicion{}) {
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
	if look.number || look.plate {
		for _, p := range identities(digits.text) {
			kind := KindID
			if v := digits.text[p.from:p.to]; strings.ContainsFunc(v, unicode.IsLetter) && len(digitsOf(v)) < 9 || plateLike(digits.text, p) {
				kind = KindPlate
			}
			add(digits, kind, []span{p})
		}
	}
	var account []span
	if look.account {
		account = accounts(digits.text)
		add(digits, KindAccount, account)
	}
	if look.number {
		for _, p := range contacts(digits.text) {
			if !slices.Contains(account, p) {
				add(digits, KindPhone, []span{p})
			}
		}
	}
	if look.mail {
		add(words, KindMail, addresses(words.text))
	}
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

// A suspicion says what a text may hold: it never misses what the expressions
// find, and costs little beside them.
type suspicion struct{ number, account, mail, plate bool }

func suspect(s string) suspicion {
	var look suspicion
	digits, apart := 0, 0
	var last, before rune
	for _, r := range s {
		_, spoken := numeral(r)
		switch {
		case spoken || r >= '0' && r <= '9' || r > unicode.MaxLatin1 && unicode.Is(unicode.Nd, r) || r >= '①' && r <= '⑨' || r == '⓪' || r >= '❶' && r <= '❾' || r >= '⑴' && r <= '⑼', r == 'o' || r == 'O' || r == 'l' || r == 'I':
			digits++
			apart = 0
			look.number = look.number || digits >= 7
		case r == '@':
			look.mail = true
		case invisible(r), r == '\ufe0f', r == '\u20e3':
			continue
		case (r == '*' || r == '×' || r == '#' || r|0x20 == 'x' || r == '•') && r == last && last == before:
			look.number = true
		case r < unicode.MaxLatin1 && !letterOrDigit(byte(r)), r >= 0x2000 && r < 0x2100, r == '、', r == '，', r >= 0xff01 && r <= 0xff0f:
			if apart++; apart > 4 {
				digits, apart = 0, 0
			}
		case letterOrDigit(byte(r)) && r < unicode.MaxLatin1, r >= 0xff21 && r <= 0xff5a:
			look.plate = look.plate || strings.ContainsRune(plateStarts, last)
			digits, apart = 0, 0
		default:
			digits, apart = 0, 0
		}
		before, last = last, r
	}
	lower, table := strings.ToLower(s), hintTable()
	spoken := 0
	for i, r := range lower {
		for _, h := range table[r] {
			if !strings.HasPrefix(lower[i:], h.word) {
				continue
			}
			switch h.of {
			case 'a':
				look.account = true
			case 'n':
				look.number = true
			case 'p':
				look.plate = true
			case 'm':
				look.mail = true
			case 's':
				spoken++
			}
		}
	}
	look.number = look.number || spoken >= 7
	return look
}

// A hint is a word without which an expression finds nothing: of an account, a
// number, a plate or a mail address, or a digit spelled out.
type hint struct {
	word string
	of   byte
}

// hintTable is the hints by their first character.
var hintTable = sync.OnceValue(func() map[rune][]hint {
	table := map[rune][]hint{}
	for of, words := range map[byte]string{
		'a': `微信 薇信 威信 微讯 徽信 卫星号 v信 vx wx 加v 加微 加薇 薇: 薇： 微: 微： 威: 威： v: v： ｖ twitter dm wechat weixin qq 扣扣 企鹅 whatsapp telegram tg skype signal line 抖音 快手 钉钉 小红书 ig facebook fb instagram kakao snapchat`,
		'n': `电话 手机 座机 固话 联系方式 号码 致电 拨打 热线 传真 電話 手機 座機 固話 聯繫方式 聯絡 號碼 致電 撥打 熱線 傳真 tel phone mobile cell call ring sms fax whatsapp 身份证 护照 证件 通行证 身份證 身分證 護照 證件 通行證 passport id_card identity_card id_no`,
		'p': `车牌 牌照 车号 牌号 尾号 军牌 港车 車牌 車號 牌號 尾號 軍牌 港車 使 plate registration wj`,
		'm': `艾特 .me/ .com/ (at) [at] {at} _at_`,
		's': `zero oh one two three four five six seven eight nine`,
	} {
		for w := range strings.FieldsSeq(words) {
			w = strings.ReplaceAll(w, "_", " ")
			first, _ := utf8.DecodeRuneInString(w)
			table[first] = append(table[first], hint{w, of})
		}
	}
	return table
})

// spokenDigits are how numbers are spelled to escape filters.
var spokenDigits = []struct{ word, digit string }{
	{"zero", "0"}, {"oh", "0"}, {"one", "1"}, {"two", "2"}, {"three", "3"}, {"four", "4"}, {"five", "5"}, {"six", "6"}, {"seven", "7"}, {"eight", "8"}, {"nine", "9"},
}

// normal is a value without what people put between its characters; a number
// of a telephone loses the code of China too.
func normal(kind, s string) string {
	if kind == KindMail {
		s = strings.NewReplacer("(at)", "@", "[at]", "@", "{at}", "@", " at ", "@", "(dot)", ".", "[dot]", ".", "{dot}", ".", " dot ", ".", " ", "").Replace(strings.ToLower(s))
		return s
	}
	if kind == KindPhone && strings.ContainsAny(s, "oOlIeE") {
		s = strings.ToLower(s)
		for _, w := range spokenDigits {
			s = strings.ReplaceAll(s, w.word, w.digit)
		}
		s = strings.NewReplacer("o", "0", "l", "1", "i", "1").Replace(s)
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
