package redact

import (
	"regexp"
	"strings"
)

var (
	account = regexp.MustCompile(`(?i)(微信|薇信|威信|微讯|徽信|卫星号|我v信|v信|加微|加薇|薇:|微:|威:|v:|vx|wx|加v|wechat|weixin|qq|扣扣|企鹅|whatsapp|telegram|tg|skype|signal|line|抖音|快手|钉钉|小红书|instagram|ig|twitter|facebook|fb|dm|kakao(?:talk)?|snapchat)(群?(?:[号號][码碼]?)?| ?(?:id|no\.?|number)|账号|帐号|帳號|賬號|名)?([^\p{L}\p{N}\n•]{0,4})(是|为|is )?[^\p{L}\p{N}\n•]{0,3}([A-Za-z0-9][A-Za-z0-9_.\-]{2,30})`)
	mail    = regexp.MustCompile(`(?i)[a-z0-9._%+\-]+ ?(?:@|\(at\)|\[at\]|\{at\}|艾特) ?[a-z0-9\-]+(?:(?:\.|点| ?(?:\(dot\)|\[dot\]|\{dot\}) ?)[a-z0-9\-]+)+|[a-z0-9._%+\-]+ at [a-z0-9\-]+(?: dot [a-z0-9\-]+)*? dot (?:com|org|net|edu|gov|info|io|me|co|cn|hk|tw|uk|us|de|fr|jp|ru)\b`)
	chat    = regexp.MustCompile(`(?i)(?:t\.me|telegram\.me|wa\.me|line\.me|m\.me|qm\.qq\.com|u\.wechat\.com|weixin\.qq\.com|api\.whatsapp\.com|chat\.whatsapp\.com)/([^\s<>"'，。、；！？）】》•]+)`)
	web     = regexp.MustCompile(`(?i)(?:[a-z][a-z0-9+.\-]{1,10}://|www\.)[^\s<>"'，。、；！？）】》•]+`)
	secret  = regexp.MustCompile(`(?i)(?:^|[?&#;])[^=&#;]*(?:token|key|secret|sig|auth|session|sid|passw|pwd|code|ticket|invite|credential|jwt)[^=&#;]*=`)
)

// accounts are names and numbers after the name of a chat service. A Latin
// word after a Latin service is one only if something says so: "WeChat told
// us" names no account.
func accounts(text string) []span {
	return find(text, []shape{{account, 5, func(text string, m []int) bool {
		id := strings.ToLower(text[m[10]:m[11]])
		switch id {
		case "app", "id", "and", "or", "the", "qq", "vx", "wx", "wechat", "weixin", "whatsapp", "telegram", "skype", "tel", "phone", "group", "http", "https", "www", "com":
			return false
		}
		service := text[m[2]:m[3]]
		if endsWord(text[:m[0]], text[m[0]]) {
			return false
		}
		latin := service[0] < 0x80
		said := m[4] >= 0 && m[4] < m[5] || strings.ContainsAny(text[m[2]:m[7]], ":=@")
		if strings.EqualFold(service, "line") && !said {
			return false // a bus or a queue
		}
		if latin && m[3] == m[10] && !isDigit(id[0]) {
			return false // the word goes on: "wxid", "figure"
		}
		return said || !latin || strings.ContainsAny(id, "0123456789_")
	}}})
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// addresses are mail addresses and links that open a chat.
func addresses(text string) []span {
	return find(text, []shape{
		{mail, 0, func(text string, m []int) bool {
			// What stands before the @ of a link is a password; secrets has it.
			_, authority, link := strings.Cut(tail(text[:m[0]], 80), "://")
			return !link || strings.ContainsAny(authority, "/?# ")
		}},
		{chat, 1, nil},
	})
}

// secrets are the parts of links that open something to whoever holds them.
func secrets(text string) []span {
	var spans []span
	for _, m := range web.FindAllStringIndex(text, -1) {
		at := m[0]
		rest := text[m[0]:m[1]]
		if i := strings.Index(rest, "://"); i >= 0 {
			at += i + 3
			rest = rest[i+3:]
		}
		end := len(rest)
		if i := strings.IndexAny(rest, "?#"); i >= 0 {
			if q := rest[i:]; len(q) > 1 && (secret.MatchString(q) || anyRandom(q, "?&#=;")) {
				spans = append(spans, span{at + i + 1, m[1]})
			}
			end = i
		}
		host, path, _ := strings.Cut(rest[:end], "/")
		if i := strings.LastIndex(host, "@"); i > 0 {
			spans = append(spans, span{at, at + i})
		}
		from := at + len(host) + 1
		for part := range strings.SplitSeq(path, "/") {
			if random(part) {
				spans = append(spans, span{from, from + len(part)})
			}
			from += len(part) + 1
		}
	}
	return spans
}

func anyRandom(s, separators string) bool {
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		if random(part) {
			return true
		}
	}
	return false
}

// random reports that s looks drawn, not written: long, without a gap, letters
// and digits mixed more than once.
func random(s string) bool {
	if len(s) < 16 {
		return false
	}
	turns, was := 0, false
	for i := range len(s) {
		if !letterOrDigit(s[i]) && !strings.ContainsRune("-_.%+=~", rune(s[i])) {
			return false
		}
		if is := isDigit(s[i]); i == 0 || is != was {
			turns++
			was = is
		}
	}
	return turns >= 4
}

// inURL reports that position i lies inside a link, where long numbers are
// those of pages.
func inURL(text string, i int) bool {
	before := text[:i]
	start := strings.LastIndexAny(before, " \n\t\"'<>，。、；！？）】》") + 1
	return strings.Contains(before[start:], "://") || strings.HasPrefix(before[start:], "www.")
}
