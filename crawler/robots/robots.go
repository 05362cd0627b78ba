// Package robots reads robots.txt as RFC 9309 says. [Parse] keeps the rules
// that speak to one product token; [Rules.Allowed] judges a URL.
//
// It does not fetch. The parser that colly brings (temoto/robotstxt) differs
// from the RFC in what decides here: it measures a rule by the length of a
// regular expression, does not anchor wildcards at the start of the path, lets
// the first of two equal rules win, ignores percent-encoding and gives up on a
// file with one bad line. [Rules.Plain] is the part both read alike.
package robots

import (
	"bytes"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxBytes is how much of a robots.txt is read; RFC 9309, 2.5 asks for 500 KiB
// at least. What lies beyond is as if it were not there.
const MaxBytes = 500 << 10

// Rules are what one robots.txt says to one product token. The zero value
// allows everything.
type Rules struct {
	Delay time.Duration // Crawl-delay, 0 if none; not in the RFC, but a wish all the same
	rules []rule
}

type rule struct {
	allow   bool
	pattern string // canonical; '*' is any run, a last '$' the end
}

// Parse reads the text for the product token agent ("xunqin"), which is
// compared without regard to case and as a whole. It takes any bytes: lines it
// cannot read are passed over. Groups of the same agent are joined; the groups
// of "*" count when none names the agent.
func Parse(text []byte, agent string) Rules {
	text = cut(text)
	var own, rest Rules
	var found bool
	var toOwn, toRest bool
	inAgents := false // the line before was a user-agent line
	for line := range lines(text) {
		key, value, ok := split(line)
		if !ok {
			continue
		}
		switch key {
		case "user-agent", "useragent", "user agent":
			if !inAgents {
				toOwn, toRest = false, false
			}
			inAgents = true
			switch token := product(value); {
			case token == "*":
				toRest = true
			case strings.EqualFold(token, agent):
				toOwn, found = true, true
			}
		case "allow", "disallow":
			inAgents = false
			if value == "" {
				continue // an empty path matches nothing
			}
			r := rule{allow: key == "allow", pattern: canonicalPattern(value)}
			if toOwn {
				own.rules = append(own.rules, r)
			}
			if toRest {
				rest.rules = append(rest.rules, r)
			}
		case "crawl-delay", "crawldelay":
			inAgents = false
			d, ok := seconds(value)
			if !ok {
				continue
			}
			if toOwn {
				own.Delay = d
			}
			if toRest {
				rest.Delay = d
			}
		}
		// Any other key (Sitemap, Host) stands outside the groups and does not
		// end one.
	}
	if found {
		return own
	}
	return rest
}

// Allowed reports whether u may be fetched: the rule with the longest pattern
// decides, Allow where two are equally long, and no rule means yes.
func (r Rules) Allowed(u *url.URL) bool {
	target := u.EscapedPath()
	if target == "" {
		target = "/"
	}
	if target == "/robots.txt" {
		return true
	}
	if u.RawQuery != "" || u.ForceQuery {
		target += "?" + u.RawQuery
	}
	target = canonical(target)
	allowed, longest := true, -1
	for _, rule := range r.rules {
		n := len(rule.pattern)
		if n < longest || n == longest && !rule.allow {
			continue
		}
		if match(rule.pattern, target) {
			allowed, longest = rule.allow, n
		}
	}
	return allowed
}

// Plain is a robots.txt for every agent that temoto/robotstxt cannot read more
// strictly than Allowed does: the disallowed prefixes of plain characters, and
// none of them where some rule allows.
func (r Rules) Plain() string {
	var b strings.Builder
	b.WriteString("User-agent: *\n")
	for _, rule := range r.rules {
		if rule.allow {
			return "User-agent: *\nDisallow:\n"
		}
		if rule.pattern != "" && rule.pattern[0] == '/' && strings.IndexFunc(rule.pattern, notPlain) < 0 {
			b.WriteString("Disallow: " + rule.pattern + "\n")
		}
	}
	b.WriteString("Disallow:\n")
	return b.String()
}

func notPlain(c rune) bool {
	return c != '/' && (c >= utf8.RuneSelf || !unreserved(byte(c)))
}

// match reports whether pattern, from its start, matches target. Two pointers
// and one place to come back to: linear for each '*', whatever the pattern.
func match(pattern, target string) bool {
	end := strings.HasSuffix(pattern, "$")
	if end {
		pattern = pattern[:len(pattern)-1]
	} else {
		pattern += "*"
	}
	p, t := 0, 0
	star, back := -1, 0
	for t < len(target) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, back = p, t
			p++
			if p == len(pattern) {
				return true
			}
		case p < len(pattern) && pattern[p] == target[t]:
			p++
			t++
		case star >= 0:
			back++
			p, t = star+1, back
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// canonicalPattern is canonical with '*' kept, and '$' kept at the end alone;
// elsewhere '$' means itself.
func canonicalPattern(s string) string {
	if s[0] != '/' && s[0] != '*' && s[0] != '$' {
		s = "/" + s // "Disallow: admin" is meant so
	}
	body, end := strings.CutSuffix(s, "$")
	body = canonical(body)
	for strings.Contains(body, "**") {
		body = strings.ReplaceAll(body, "**", "*")
	}
	if end {
		return body + "$"
	}
	return body
}

// canonical brings paths that RFC 9309, 2.2.2 holds equal into one spelling:
// percent-encoded unreserved characters decoded, what is not US-ASCII encoded,
// hexadecimal digits in upper case. A '$' is encoded so that the pattern's own
// end mark cannot be meant, and an encoded '*' stays encoded.
func canonical(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		encoded := false
		if c == '%' && i+2 < len(s) {
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi >= 0 && lo >= 0 {
				c = byte(hi<<4 | lo)
				i += 2
				encoded = true
			}
		}
		switch {
		case encoded && unreserved(c):
			b.WriteByte(c)
		case encoded, c >= utf8.RuneSelf, c <= ' ', c == '$':
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unreserved is the set of RFC 3986, 2.3.
func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// cut keeps MaxBytes and drops the line that the limit broke, which could say
// the opposite of what it was.
func cut(text []byte) []byte {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if len(text) <= MaxBytes {
		return text
	}
	text = text[:MaxBytes]
	return text[:bytes.LastIndexAny(text, "\r\n")+1]
}

// lines yields the lines of text; CR, LF and CRLF all end one.
func lines(text []byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for len(text) > 0 {
			line := text
			if i := bytes.IndexAny(text, "\r\n"); i >= 0 {
				line, text = text[:i], text[i+1:]
			} else {
				text = nil
			}
			if !yield(string(line)) {
				return
			}
		}
	}
}

// split parts "key: value # comment" and lowers the key.
func split(line string) (key, value string, ok bool) {
	line, _, _ = strings.Cut(line, "#")
	key, value, ok = strings.Cut(line, ":")
	return strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value), ok
}

// product is the token of a user-agent line: what follows it ("/1.0", a
// comment) is not compared.
func product(value string) string {
	if strings.HasPrefix(value, "*") {
		return "*"
	}
	for i := 0; i < len(value); i++ {
		c := value[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || c == '_') {
			return value[:i]
		}
	}
	return value
}

func seconds(value string) (time.Duration, bool) {
	f, err := strconv.ParseFloat(value, 64)
	if err != nil || !(f >= 0 && f <= 86400) {
		return 0, false
	}
	return time.Duration(f * float64(time.Second)), true
}
