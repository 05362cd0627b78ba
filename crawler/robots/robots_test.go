package robots_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/temoto/robotstxt"
	"pgregory.net/rapid"

	"xunqin/crawler/robots"
)

// TestRulesOfRFC9309 holds the sections of the RFC and the cases where parsers
// in use differ from it.
func TestRulesOfRFC9309(t *testing.T) {
	for _, c := range []struct {
		name, text string
		yes, no    string // paths, separated by spaces
	}{
		{"empty file", "", "/ /a", ""},
		{"no group for us", "User-agent: other\nDisallow: /", "/a", ""},
		{"everybody", "User-agent: *\nDisallow: /a", "/ /b /A", "/a /ab /a/b /a?x"},
		{"own group hides the one for everybody", "User-agent: *\nDisallow: /\nUser-agent: xunqin\nDisallow: /x", "/a", "/x"},
		{"own group without rules allows", "User-agent: *\nDisallow: /\n\nUser-agent: xunqin\n", "/a", ""},
		{"agent without regard to case", "User-Agent: XunQin\nDisallow: /a", "/b", "/a"},
		{"agent with a version", "User-agent: xunqin/1.0\nDisallow: /a", "", "/a"},
		{"a shorter token is another agent", "User-agent: xun\nDisallow: /\n", "/a", ""},
		{"a longer token is another agent", "User-agent: xunqin-news\nDisallow: /\n", "/a", ""},
		{"groups of one agent are joined", "User-agent: xunqin\nDisallow: /a\nUser-agent: o\nDisallow: /c\nUser-agent: xunqin\nDisallow: /b", "/c", "/a /b"},
		{"several agents share a group", "User-agent: o\nUser-agent: xunqin\nDisallow: /a", "/b", "/a"},
		{"blank lines and other keys do not end a group", "User-agent: xunqin\n\nSitemap: http://h/s\n\nUser-agent: o\nDisallow: /a", "/b", "/a"},
		{"longest match", "User-agent: *\nDisallow: /a\nAllow: /a/b\nDisallow: /a/b/c", "/a/b /a/bx", "/a /a/c /a/b/c"},
		{"order does not matter", "User-agent: *\nAllow: /a/b\nDisallow: /", "/a/b", "/ /a"},
		{"allow wins a tie", "User-agent: *\nDisallow: /a\nAllow: /a", "/a", ""},
		{"allow wins a tie, other order", "User-agent: *\nAllow: /a\nDisallow: /a", "/a", ""},
		{"star", "User-agent: *\nDisallow: /*.gif", "/a.png", "/a.gif /a/b.gifs /.gif"},
		{"star and end", "User-agent: *\nDisallow: /*.gif$", "/a.gif?x /a.gifs", "/a.gif /b/c.gif"},
		{"end alone", "User-agent: *\nDisallow: /a$", "/ab /a/ /a?", "/a"},
		{"dollar in the middle is a dollar", "User-agent: *\nDisallow: /a$b", "/a /ab", "/a$b /a%24b"},
		{"wildcards start at the start", "User-agent: *\nDisallow: /a*b", "/z/a1b", "/ab /a1b /a/x/b/c"},
		{"a star counts one octet, not what it matches", "User-agent: *\nDisallow: /aaaa*\nAllow: /*/longer", "/aaaa/longer", "/aaaa/x"},
		{"many stars", "User-agent: *\nDisallow: /**a***b", "/a", "/xaxb"},
		{"encoded star is a star in the path", "User-agent: *\nDisallow: /a%2Ab", "/axb", "/a%2Ab /a%2ab"},
		{"percent encoding is compared decoded", "User-agent: *\nDisallow: /%61%7e", "/b", "/a~ /%61~ /a%7E"},
		{"reserved characters stay encoded", "User-agent: *\nDisallow: /a%2Fb", "/a/b", "/a%2fb"},
		{"octets beyond ASCII", "User-agent: *\nDisallow: /寻亲", "/寻", "/%E5%AF%BB%E4%BA%B2 /%e5%af%bb%e4%ba%b2/1"},
		{"encoded octets in the file", "User-agent: *\nDisallow: /%e5%af%bb", "/b", "/寻亲"},
		{"query", "User-agent: *\nDisallow: /*?q=", "/a /a?p=1", "/a?q=1"},
		{"query keeps its order", "User-agent: *\nDisallow: /a?b=1&a=2", "/a?a=2&b=1", "/a?b=1&a=2"},
		{"empty disallow", "User-agent: *\nDisallow:\n", "/a", ""},
		{"empty disallow does not take the next line", "User-agent: *\nDisallow:\nDisallow: /a", "/b", "/a"},
		{"comments", "User-agent: * # all\nDisallow: /a # private\n#Disallow: /b", "/b", "/a"},
		{"rules before any group", "Disallow: /\nUser-agent: *\nDisallow: /a", "/b", "/a"},
		{"bad lines are passed over", "User-agent: *\nCrawl-delay: soon\nnonsense\nDisallow: /a", "/b", "/a"},
		{"spaces round the colon", "User-agent : *\nDisallow : /a", "/b", "/a"},
		{"CR alone ends lines", "User-agent: *\rDisallow: /a\r", "/b", "/a"},
		{"byte order mark", "\ufeffUser-agent: *\nDisallow: /a", "/b", "/a"},
		{"path without slash", "User-agent: *\nDisallow: a", "/b", "/a"},
		{"robots.txt itself", "User-agent: *\nDisallow: /", "/robots.txt", "/"},
		{"500 KiB are read", "User-agent: *\n" + strings.Repeat("#"+strings.Repeat("x", 98)+"\n", 5100) + "Disallow: /a", "/b", "/a"},
		{"what lies beyond is not", "User-agent: *\n" + strings.Repeat("#"+strings.Repeat("x", 98)+"\n", 5200) + "Disallow: /a", "/a", ""},
		{"a line the limit breaks does not count", "User-agent: *\n" + strings.Repeat("#\n", robots.MaxBytes/2-12) + "Disallow: /abc", "/ab", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := robots.Parse([]byte(c.text), "xunqin")
			for _, p := range strings.Fields(c.yes) {
				if !r.Allowed(parse(t, p)) {
					t.Errorf("%s is refused", p)
				}
			}
			for _, p := range strings.Fields(c.no) {
				if r.Allowed(parse(t, p)) {
					t.Errorf("%s is allowed", p)
				}
			}
		})
	}
}

func TestCrawlDelayIsRead(t *testing.T) {
	r := robots.Parse([]byte("User-agent: *\nCrawl-delay: 2.5\nDisallow: /a\n\nUser-agent: o\nCrawl-delay: 9"), "xunqin")
	if r.Delay != 2500*time.Millisecond {
		t.Errorf("got %v", r.Delay)
	}
}

func TestPatternOfManyStarsTakesNoTime(t *testing.T) {
	r := robots.Parse([]byte("User-agent: *\nDisallow: /"+strings.Repeat("*a", 500)+"$"), "xunqin")
	if !r.Allowed(parse(t, "/"+strings.Repeat("a", 4000)+"b")) {
		t.Error("the pattern matched")
	}
}

// TestWhatCollyRefusesIsRefusedHereToo is the law that lets colly's own check
// stay on: reading Plain, temoto never denies what Allowed allows.
func TestWhatCollyRefusesIsRefusedHereToo(t *testing.T) {
	piece := rapid.StringMatching(`[ab/*$%?~寻]{1,5}`)
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		text.WriteString("User-agent: *\n")
		for range rapid.IntRange(0, 4).Draw(t, "rules") {
			text.WriteString(rapid.SampledFrom([]string{"Allow: /", "Disallow: /", "Disallow: /", "Disallow: "}).Draw(t, "key"))
			text.WriteString(piece.Draw(t, "pattern") + "\n")
		}
		r := robots.Parse([]byte(text.String()), "xunqin")
		other, err := robotstxt.FromString(r.Plain())
		if err != nil {
			t.Fatal(err)
		}
		u := &url.URL{Path: "/" + rapid.StringMatching(`[ab/~寻]{0,6}`).Draw(t, "path"), RawQuery: rapid.StringMatching(`([ab]=[ab])?`).Draw(t, "query")}
		target := u.EscapedPath()
		if u.RawQuery != "" {
			target += "?" + u.Query().Encode()
		}
		if r.Allowed(u) && !other.TestAgent(target, "xunqin/1.0 (+mailto:x@example.org)") {
			t.Fatalf("%q is refused by temoto alone, reading\n%s", target, r.Plain())
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("User-agent: *\nDisallow: /a*b$\nAllow: /%61\n", "/a?b")
	f.Add("\ufeffuser-agent:xunqin\rdisallow:$\rcrawl-delay: 1e9", "/")
	f.Add("User-agent: *\nDisallow: %zz%2", "/%zz%2")
	f.Fuzz(func(t *testing.T, text, path string) {
		u, err := url.Parse("http://h/" + strings.TrimLeft(path, "/"))
		if err != nil {
			return
		}
		r := robots.Parse([]byte(text), "xunqin")
		r.Allowed(u)
		if r.Delay < 0 {
			t.Errorf("delay %v", r.Delay)
		}
		if _, err := robotstxt.FromString(r.Plain()); err != nil {
			t.Errorf("plain rules cannot be read: %v", err)
		}
	})
}

func parse(t *testing.T, path string) *url.URL {
	t.Helper()
	u, err := url.Parse("http://h" + path)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
