package page

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"xunqin/crawler/markup"
)

// kinds are the schema.org types that can be a post. Of several in one document
// the first in this order counts.
var kinds = []string{"MissingPerson", "Report", "SocialMediaPosting", "DiscussionForumPosting", "BlogPosting", "NewsArticle", "Article", "Person", "WebPage"}

// maxNodes bounds how much of a document is looked at.
const maxNodes = 5000

// jsonLD reads a JSON-LD document: what it says of the thing in it that can be a
// post.
func jsonLD(doc []byte) (said, bool) {
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimSpace(doc)))
	var v any
	if err := dec.Decode(&v); err != nil {
		return said{}, false
	}
	var things []map[string]any
	left := maxNodes
	var walk func(v any, depth int)
	walk = func(v any, depth int) {
		if left--; left < 0 || depth > 20 {
			return
		}
		switch v := v.(type) {
		case map[string]any:
			things = append(things, v)
			for _, key := range []string{"@graph", "mainEntity", "itemListElement", "item"} {
				walk(v[key], depth+1)
			}
		case []any:
			for _, e := range v {
				walk(e, depth+1)
			}
		}
	}
	walk(v, 0)
	for _, kind := range kinds {
		for _, t := range things {
			if slices.Contains(words(t["@type"]), kind) {
				return thing(t, kind), true
			}
		}
	}
	return said{}, false
}

func thing(t map[string]any, kind string) said {
	d := said{
		title:  first(t["headline"], t["name"]),
		text:   markup.Text(first(t["articleBody"], t["text"], t["description"])),
		at:     first(t["datePublished"], t["dateCreated"], t["uploadDate"], t["dateModified"]),
		author: first(t["author"], t["creator"]),
		lang:   first(t["inLanguage"]),
		id:     first(t["identifier"]),
		images: pictures(t["image"]),
		place:  address(cmp.Or(t["locationCreated"], t["contentLocation"], t["location"])),
	}
	person, ok := t["about"].(map[string]any)
	if kind == "MissingPerson" || kind == "Person" {
		person, ok = t, true
		d.title, d.text = "", ""
	}
	if !ok || kind != "Report" && kind != "MissingPerson" && kind != "Person" {
		return d
	}
	// Labelled, so that what the words say is read as a case's is.
	d.report = true
	var lines []string
	for _, f := range []struct{ label, value string }{
		{"姓名", first(person["name"])},
		{"性别", gender(first(person["gender"]))},
		{"出生日期", first(person["birthDate"])},
		{"失踪时间", first(person["missingSince"], t["missingSince"])},
		{"失踪地点", d.place},
		{"特征描述", markup.Text(first(person["description"]))},
	} {
		if f.value != "" {
			lines = append(lines, f.label+"："+f.value)
		}
	}
	d.text = strings.TrimSpace(strings.Join(lines, "\n") + "\n" + d.text)
	if len(d.images) == 0 {
		d.images = pictures(person["image"])
	}
	return d
}

func gender(s string) string {
	switch strings.TrimPrefix(strings.ToLower(s), "https://schema.org/") {
	case "male":
		return "男"
	case "female":
		return "女"
	}
	return s
}

// first is the first value that is text, or a thing with a name.
func first(values ...any) string {
	for _, v := range values {
		if w := words(v); len(w) > 0 {
			return w[0]
		}
	}
	return ""
}

// words are the texts in a value: itself, its members, or a thing's name.
func words(v any) []string {
	switch v := v.(type) {
	case string:
		if s := strings.TrimSpace(v); s != "" {
			return []string{s}
		}
	case []any:
		var list []string
		for _, e := range v {
			if _, nested := e.([]any); !nested {
				list = append(list, words(e)...)
			}
		}
		return list
	case map[string]any:
		for _, key := range []string{"@value", "name", "value"} {
			if s, ok := v[key].(string); ok && strings.TrimSpace(s) != "" {
				return []string{strings.TrimSpace(s)}
			}
		}
	}
	return nil
}

// pictures are the addresses in an image property.
func pictures(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var list []string
		for _, e := range v {
			if _, nested := e.([]any); !nested {
				list = append(list, pictures(e)...)
			}
		}
		return list
	case map[string]any:
		for _, key := range []string{"contentUrl", "url", "@id"} {
			if s, ok := v[key].(string); ok && s != "" {
				return []string{s}
			}
		}
	}
	return nil
}

// address is a place in words.
func address(v any) string {
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	m, ok := v.(map[string]any)
	if !ok {
		return first(v)
	}
	a, ok := m["address"].(map[string]any)
	if !ok {
		return first(m["address"], m["name"])
	}
	var parts []string
	for _, key := range []string{"addressRegion", "addressLocality", "streetAddress"} {
		if s := first(a[key]); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " ")
}
