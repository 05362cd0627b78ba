// Package locale holds every text people read, in Chinese and English, and writes times, spans and numbers the way a
// reader expects them.
//
// One key is one string in both languages. The strings stand in zh-CN/*.toml and en/*.toml, one pair of files for each
// family of pages, so that a page and its two texts change together: a string "title" in the table [health] has the key
// "health.title". A placeholder is {n}; {n|run|runs} takes the first word when n is 1 and the second otherwise.
//
// Start with [Load], then [Catalog.T].
package locale

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"golang.org/x/text/language"
)

// The languages, as they stand in accounts, cookies and addresses.
const (
	Chinese = "zh-CN"
	English = "en"
)

// Langs lists the languages, the default first.
func Langs() []string { return []string{Chinese, English} }

//go:embed zh-CN en
var files embed.FS

// Catalog is the loaded texts. It is read only, and safe for concurrent use.
type Catalog struct {
	texts map[string]map[string]string // by language, by key
}

// Load reads the embedded texts. It fails on a key that stands twice, is missing in one language, or has other
// placeholders there.
func Load() (*Catalog, error) {
	c := &Catalog{texts: map[string]map[string]string{}}
	for _, lang := range Langs() {
		texts, err := read(files, lang)
		if err != nil {
			return nil, err
		}
		c.texts[lang] = texts
	}
	return c, c.check()
}

// read flattens all files of one language into keys.
func read(fsys fs.FS, lang string) (map[string]string, error) {
	names, err := fs.Glob(fsys, lang+"/*.toml")
	if err != nil {
		return nil, fmt.Errorf("texts: %w", err)
	}
	texts := map[string]string{}
	for _, name := range names {
		var tables map[string]map[string]string
		if _, err := toml.DecodeFS(fsys, name, &tables); err != nil {
			return nil, fmt.Errorf("texts %s: %w", name, err)
		}
		for table, entries := range tables {
			for k, text := range entries {
				key := table + "." + k
				if _, twice := texts[key]; twice {
					return nil, fmt.Errorf("texts %s: %s stands in another file too", name, key)
				}
				texts[key] = text
			}
		}
	}
	return texts, nil
}

func (c *Catalog) check() error {
	var errs []error
	zh, en := c.texts[Chinese], c.texts[English]
	for _, key := range c.Keys() {
		switch {
		case zh[key] == "":
			errs = append(errs, fmt.Errorf("texts: %s is missing in Chinese", key))
		case en[key] == "":
			errs = append(errs, fmt.Errorf("texts: %s is missing in English", key))
		case !slices.Equal(placeholders(zh[key]), placeholders(en[key])):
			errs = append(errs, fmt.Errorf("texts: %s has other placeholders in English than in Chinese", key))
		}
	}
	return errors.Join(errs...)
}

// Keys lists every key of any language in order.
func (c *Catalog) Keys() []string {
	all := map[string]bool{}
	for _, texts := range c.texts {
		for key := range texts {
			all[key] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

var placeholder = regexp.MustCompile(`\{([a-z]+)(?:\|([^|{}]*)\|([^|{}]*))?\}`)

// placeholders lists the names in a text, each once, in order of the alphabet.
func placeholders(text string) []string {
	var names []string
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// T is the text of a key in a language, with its placeholders filled from pairs of name and value: T("en", "runs.new",
// "n", 3). Whole numbers are grouped. A key that is not there is shown as ⟦key⟧, which the tests look for.
func (c *Catalog) T(lang, key string, pairs ...any) string {
	text, ok := c.texts[lang][key]
	if !ok {
		return "⟦" + key + "⟧"
	}
	if len(pairs) == 0 {
		return text
	}
	values := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		m := placeholder.FindStringSubmatch(found)
		v, ok := values[m[1]]
		if !ok {
			return found
		}
		if strings.Contains(found, "|") {
			if fmt.Sprint(v) == "1" {
				return m[2]
			}
			return m[3]
		}
		return Number(v)
	})
}

// Has reports whether a key is there.
func (c *Catalog) Has(key string) bool {
	_, ok := c.texts[Chinese][key]
	return ok
}

// Pseudo is a catalog whose texts are all bracketed, «like this», under both languages. Rendered with it, a page shows
// what was written into a template instead of here.
func (c *Catalog) Pseudo() *Catalog {
	p := &Catalog{texts: map[string]map[string]string{}}
	for lang, texts := range c.texts {
		p.texts[lang] = map[string]string{}
		for key, text := range texts {
			p.texts[lang][key] = "«" + text + "»"
		}
	}
	return p
}

// Known gives a language of ours for a tag such as "en-GB" or "zh_Hant", and false for any other.
func Known(tag string) (string, bool) {
	t, err := language.Parse(tag)
	if err != nil {
		return "", false
	}
	return match(t)
}

// Accepted chooses by an Accept-Language header; Chinese where it names neither language.
func Accepted(header string) string {
	tags, _, err := language.ParseAcceptLanguage(header)
	if err == nil {
		if lang, ok := match(tags...); ok {
			return lang
		}
	}
	return Chinese
}

func match(tags ...language.Tag) (string, bool) {
	// Whoever reads traditional characters is better served by simplified ones than by English.
	m := language.NewMatcher([]language.Tag{language.SimplifiedChinese, language.English, language.TraditionalChinese})
	_, i, confidence := m.Match(tags...)
	return []string{Chinese, English, Chinese}[i], confidence >= language.Low
}
