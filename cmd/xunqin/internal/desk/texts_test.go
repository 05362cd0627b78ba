package desk

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"

	"xunqin/cmd/xunqin/internal/auth"
	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/crawler"
	"xunqin/pipeline/coverage"
	"xunqin/pipeline/facts"
	"xunqin/pipeline/facts/pair"
	"xunqin/pipeline/record"
	"xunqin/search"
)

// readSources gives the texts that stand in Go files without tests, the keys of problems, and the templates.
func readSources(t *testing.T) (literals []string, problems []string, templates map[string]string) {
	t.Helper()
	templates = map[string]string{}
	err := fs.WalkDir(files, "templates", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(name)
		templates[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// Other front ends share the catalog.
	names, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		text := func(e ast.Expr) string {
			if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if s, err := strconv.Unquote(l.Value); err == nil {
					return s
				}
			}
			return ""
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				literals = append(literals, text(n))
			case *ast.CompositeLit:
				if id, ok := n.Type.(*ast.Ident); ok && id.Name == "Problem" {
					for _, el := range n.Elts {
						if kv, ok := el.(*ast.KeyValueExpr); ok {
							if k, ok := kv.Key.(*ast.Ident); ok && k.Name == "Key" && text(kv.Value) != "" {
								problems = append(problems, "problem."+text(kv.Value))
							}
						}
					}
				}
			}
			return true
		})
	}
	return literals, problems, templates
}

var (
	templateText  = regexp.MustCompile(`\bT "([^"]+)"`)
	templateTable = regexp.MustCompile(`\bOf "([^"]+)"`)
	textKey       = regexp.MustCompile(`^[a-z]+(\.[a-zA-Z0-9-]+)+$`)
)

func TestEveryTextThatIsUsedExistsAndEveryTextIsUsed(t *testing.T) {
	texts, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]bool{}
	for _, key := range texts.Keys() {
		table, _, _ := strings.Cut(key, ".")
		tables[table] = true
	}
	literals, problems, templates := readSources(t)
	used, dynamic := map[string]bool{}, map[string]bool{}
	for _, l := range slices.Concat(literals, problems) {
		if table, _, ok := strings.Cut(l, "."); ok && textKey.MatchString(l) && tables[table] {
			used[l] = true
		}
		if table, _, ok := strings.Cut(l, "."); ok && strings.HasSuffix(l, ".") && tables[table] {
			dynamic[l] = true // "passphrase." + code
		}
	}
	for _, text := range templates {
		for _, m := range templateText.FindAllStringSubmatch(text, -1) {
			used[m[1]] = true
		}
		for _, m := range templateTable.FindAllStringSubmatch(text, -1) {
			if !tables[m[1]] {
				t.Errorf("a template chooses from %q, which has no texts", m[1])
			}
			dynamic[m[1]+"."] = true
		}
	}
	for key := range used {
		if !texts.Has(key) {
			t.Errorf("%s is used and has no text", key)
		}
	}
	for _, key := range texts.Keys() {
		chosen := false
		for prefix := range dynamic {
			chosen = chosen || strings.HasPrefix(key, prefix)
		}
		if !used[key] && !chosen {
			t.Errorf("%s has a text and is not used", key)
		}
	}
}

func TestEveryWordThatIsChosenFromATableHasAText(t *testing.T) {
	texts, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	var roles, menu []string
	for _, r := range record.Roles() {
		roles = append(roles, string(r))
	}
	for _, m := range (&Server{}).menu() {
		menu = append(menu, m.key)
	}
	for table, words := range map[string][]string{
		"role": roles, "may": roles, "menu": menu, "language": locale.Langs(),
		"link":        {auth.LinkFirst, auth.LinkInvite, auth.LinkRecovery},
		"passphrase":  {auth.PassphraseShort, auth.PassphraseLong, auth.PassphraseName, auth.PassphraseSimple},
		"sourcestate": {sourceFailing, sourceReview, sourceQuiet, sourceWaiting, sourceHealthy, sourcePaused, sourceNotReady},
		"readerhelp":  {"mastodon", "feed", "telegram", "discuz", "baobeihuijia", "page"},
		"runstate":    {record.RunWaiting, record.RunGoing, record.RunDone, record.RunFailed, record.RunLost},
		"cause":       {"schedule", "hand", "command"},
		"step":        {"crawl", "gather", "relate", "notify", "reread", "pair"},
		"fact":        {"place", "time", "age", "birth", "sex", "height", "mark", "scar", "clothes", "hair", "speech", "disability", "number", "posted", "where"},
		"factgrade":   {"sure", "likely", "possible"},
		"factrole":    {string(facts.Seen), string(facts.Lost), string(facts.From), string(facts.Other)},
		"speaks":      {string(facts.Same), string(facts.MayBeSame), string(facts.MustDiffer)},
		"reason":      facts.Reasons(),
		"pairreason":  pair.Reasons(),
		"postkind":    {crawler.KindPost, crawler.KindReport, crawler.KindNotice},
		"facet":       {search.ByDivision, search.ByMonth, search.ByAge, search.BySex, search.ByKind, search.ByStatus, search.BySource},
		"ageband":     {"small", "young", "school", "teen", "adult"},
		"gap":         {coverage.Capped, coverage.Refused, coverage.Down, coverage.Skipped, coverage.Unasked, coverage.Unknown},
		"setup":       {"contact", "https", "mail", "admin", "people", "source"},
		"why": {crawler.RefusedLogin, crawler.RefusedCaptcha, crawler.RefusedAuth, crawler.RefusedForbidden, crawler.RefusedNotFound, crawler.RefusedGone, crawler.RefusedTeapot,
			crawler.RefusedRate, crawler.RefusedWeibo, crawler.RefusedServer, crawler.RefusedStatus, crawler.RefusedNotJSON, crawler.RefusedNotFeed, crawler.RefusedNotPicture,
			crawler.RefusedExpired, crawler.RefusedClosed, crawler.RefusedMarkup, crawler.RefusedNotPage, crawler.RefusedRobots, crawler.RefusedTooLarge, crawler.RefusedCut, crawler.RefusedEncoding, crawler.RefusedAddress, crawler.RefusedURL, crawler.RefusedRedirects,
			crawler.RefusedTimeout, crawler.RefusedUnreachable, "no-reader", "no-contact", "failed", "overdue"},
	} {
		for _, w := range words {
			if !texts.Has(table + "." + w) {
				t.Errorf("%s.%s has no text", table, w)
			}
		}
	}
}

var action = regexp.MustCompile(`(?s)\{\{.*?\}\}`)

// hasLetters reports letters of any script.
func hasLetters(s string) bool { return strings.ContainsFunc(s, unicode.IsLetter) }

// Nothing people read stands in a template itself. What is between {{ and }} is the catalog's or the record's.
func TestNoTextStandsInATemplate(t *testing.T) {
	_, _, templates := readSources(t)
	for name, text := range templates {
		doc, err := html.ParseWithOptions(strings.NewReader(action.ReplaceAllString(text, "")), html.ParseOptionEnableScripting(false))
		if err != nil {
			t.Fatal(err)
		}
		for n := range doc.Descendants() {
			if n.Type == html.TextNode && hasLetters(n.Data) && n.Parent.Data != "kbd" {
				t.Errorf("%s: text %q", name, strings.TrimSpace(n.Data))
			}
			for _, a := range n.Attr {
				switch a.Key {
				case "alt", "title", "placeholder", "aria-label", "data-label", "summary":
					if hasLetters(a.Val) {
						t.Errorf("%s: %s=%q", name, a.Key, a.Val)
					}
				}
			}
		}
	}
}

// In a pseudo-language every text of the catalog is in brackets; what is outside them on a page came from elsewhere, and only
// what people wrote and machines named may.
func TestPagesShowNoTextBesidesTheCatalog(t *testing.T) {
	s := newSite(t, func(s *site) { s.Texts = s.Texts.Pseudo() })
	u := s.person(t, "all", record.Roles()...)
	paths := objects(t, s, u)
	b := s.as(t, "all")
	bracketed := regexp.MustCompile(`(?s)«[^«»]*»`)
	data := regexp.MustCompile(`all|somebody|nobody|Brunnen|feed|photos 1|Asia/Shanghai|[a-z0-9]{26}|gather: cut|robots\.txt says no|UTC`)
	for _, r := range s.Routes() {
		if r.Method != "GET" || r.cache() == Static {
			continue
		}
		path := pathOf(t, r.Pattern, paths)
		if path == "" {
			continue
		}
		a := b.get(path)
		if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			continue
		}
		doc, err := html.Parse(strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		for n := range doc.Descendants() {
			if n.Type != html.TextNode || slices.Contains([]string{"code", "kbd", "time", "textarea", "option", "pre"}, n.Parent.Data) {
				continue
			}
			rest := bracketed.ReplaceAllString(n.Data, "")
			if rest = data.ReplaceAllString(rest, ""); hasLetters(rest) {
				t.Errorf("%s shows %q", r.Pattern, strings.TrimSpace(n.Data))
			}
		}
	}
}
