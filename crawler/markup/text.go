package markup

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Text is the plain text of a piece of HTML: entities decoded, runs of white
// space made one, a line for each br, paragraph, list item and other block,
// nothing of scripts and styles, no control characters. Text without markup
// comes back as it is.
func Text(src string) string {
	var w writer
	z := html.NewTokenizer(strings.NewReader(src))
	skip := 0 // depth of elements whose text nobody reads
	pre := 0
	for {
		switch z.Next() {
		case html.ErrorToken:
			return w.String()
		case html.TextToken:
			if skip == 0 {
				w.text(string(z.Text()), pre > 0)
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			switch a := atom.Lookup(name); {
			case unread[a]:
				skip++
			case a == atom.Br || a == atom.Hr:
				w.line()
			case blocks[a]:
				w.breakLine()
				if a == atom.Pre {
					pre++
				}
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			switch a := atom.Lookup(name); {
			case unread[a]:
				skip = max(skip-1, 0)
			case blocks[a]:
				w.breakLine()
				if a == atom.Pre {
					pre = max(pre-1, 0)
				}
			}
		}
	}
}

// unread are elements whose content the tokenizer gives as raw text.
var unread = map[atom.Atom]bool{atom.Script: true, atom.Style: true, atom.Noscript: true, atom.Iframe: true, atom.Title: true, atom.Textarea: true}

var blocks = map[atom.Atom]bool{
	atom.P: true, atom.Div: true, atom.Ul: true, atom.Ol: true, atom.Li: true, atom.Tr: true, atom.Table: true, atom.Blockquote: true,
	atom.H1: true, atom.H2: true, atom.H3: true, atom.H4: true, atom.H5: true, atom.H6: true, atom.Pre: true, atom.Section: true,
	atom.Article: true, atom.Header: true, atom.Footer: true, atom.Figure: true, atom.Figcaption: true, atom.Dl: true, atom.Dt: true, atom.Dd: true,
}

// writer collects text with white space collapsed, and at most one empty line
// in a row.
type writer struct {
	b       strings.Builder
	newline int  // line ends owed before the next text
	space   bool // a space owed before the next text
}

func (w *writer) text(s string, pre bool) {
	for _, r := range s {
		switch {
		case r == '\n' && pre:
			w.line()
		case unicode.IsSpace(r) && r != '\u3000': // the ideographic space is set by people
			w.space = true
		case r == '\u00ad' || r == '\u200b' || unicode.IsControl(r):
		default:
			w.flush()
			w.b.WriteRune(r)
		}
	}
}

func (w *writer) flush() {
	switch {
	case w.b.Len() == 0:
	case w.newline > 0:
		w.b.WriteString("\n\n"[:min(w.newline, 2)])
	case w.space:
		w.b.WriteByte(' ')
	}
	w.newline, w.space = 0, false
}

func (w *writer) line() { w.newline++ }

func (w *writer) breakLine() { w.newline = max(w.newline, 1) }

func (w *writer) String() string { return strings.TrimSpace(w.b.String()) }

// Image is a picture in a piece of HTML.
type Image struct {
	URL           string   // absolute, http or https; the widest that is offered
	Alt           string   // as written
	Width, Height int      // as written, 0 if not
	Fallback      []string // the other addresses of the same picture
}

// Images are the pictures that src shows, in order, each address once: the
// widest of srcset (of a picture element's sources before its img's) first,
// then what scripts would load (data-src and its kin), then src; of a video its
// poster. Left out are data: addresses, pictures declared one pixel
// wide or high, emoji and avatars. base makes addresses absolute.
func Images(src string, base *url.URL) []Image {
	var list []Image
	seen := map[string]bool{}
	collect(src, base, 0, func(im Image) {
		if !seen[im.URL] {
			seen[im.URL] = true
			list = append(list, im)
		}
	})
	return list
}

func collect(src string, base *url.URL, depth int, add func(Image)) {
	z := html.NewTokenizer(strings.NewReader(src))
	noscript := false
	var sources []string // of the picture element we are in
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.TextToken:
			// Pages that load pictures by script repeat them here for readers
			// without.
			if noscript && depth == 0 {
				collect(string(z.Raw()), base, depth+1, add)
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			noscript = t.DataAtom == atom.Noscript
			switch t.DataAtom {
			case atom.Picture:
				sources = nil
			case atom.Source:
				for _, a := range t.Attr {
					if (a.Key == "srcset" || a.Key == "data-srcset") && len(sources) < 32 {
						sources = append(sources, srcset(a.Val)...)
					}
				}
			case atom.Video: // of a video the frame shown before it plays
				for _, a := range t.Attr {
					if u, ok := Resolve(base, a.Val); ok && a.Key == "poster" {
						add(Image{URL: u})
					}
				}
			case atom.Img:
				if im, ok := image(t, base, sources); ok {
					add(im)
				}
				sources = nil
			}
		case html.EndTagToken:
			noscript = false
		}
	}
}

func image(t html.Token, base *url.URL, sources []string) (Image, bool) {
	attr := map[string]string{}
	for _, a := range t.Attr {
		attr[a.Key] = a.Val
	}
	for _, class := range strings.Fields(strings.ToLower(attr["class"])) {
		if class == "emoji" || class == "wp-smiley" || class == "custom-emoji" || class == "avatar" {
			return Image{}, false
		}
	}
	im := Image{Alt: strings.TrimSpace(attr["alt"]), Width: Pixels(attr["width"]), Height: Pixels(attr["height"])}
	if attr["width"] != "" && im.Width <= 1 && isNumber(attr["width"]) || attr["height"] != "" && im.Height <= 1 && isNumber(attr["height"]) {
		return Image{}, false
	}
	refs := append(append(sources, srcset(attr["srcset"])...), srcset(attr["data-srcset"])...)
	refs = append(refs, attr["data-original"], attr["data-src"], attr["data-lazy-src"], attr["file"])
	src := attr["src"]
	if standIn.MatchString(src) && slices.ContainsFunc(refs, func(s string) bool { return s != "" }) {
		src = "" // what is shown until the script loads the picture
	}
	refs = append(refs, src)
	for _, ref := range refs {
		u, ok := Resolve(base, ref)
		switch {
		case !ok || u == im.URL:
		case im.URL == "":
			im.URL = u
		case len(im.Fallback) < 4 && !slices.Contains(im.Fallback, u):
			im.Fallback = append(im.Fallback, u)
		}
	}
	return im, im.URL != ""
}

var standIn = regexp.MustCompile(`(?i)(?:placeholder|loading|lazy|blank|spacer|grey|gray|transparent|none|pixel)[^/]*$`)

// srcset gives the candidates, widest or densest first (HTML standard, "parse
// a srcset attribute").
func srcset(s string) []string {
	type candidate struct {
		ref  string
		size float64
	}
	var list []candidate
	for {
		s = strings.TrimLeft(s, " \t\r\n\f,")
		if s == "" {
			break
		}
		end := strings.IndexAny(s, " \t\r\n\f")
		if end < 0 {
			end = len(s)
		}
		ref, rest := s[:end], s[end:]
		size := 1.0
		if trimmed := strings.TrimRight(ref, ","); trimmed != ref {
			ref = trimmed
		} else {
			var desc string
			desc, rest, _ = strings.Cut(rest, ",")
			for _, d := range strings.Fields(desc) {
				if n, err := strconv.ParseFloat(d[:len(d)-1], 64); err == nil && strings.ContainsAny(d[len(d)-1:], "wx") {
					size = n
				}
			}
		}
		s = rest
		if len(list) < 32 {
			list = append(list, candidate{ref, size})
		}
	}
	refs := make([]string, 0, len(list))
	for len(list) > 0 {
		best := 0
		for i := range list {
			if list[i].size > list[best].size {
				best = i
			}
		}
		refs = append(refs, list[best].ref)
		list = append(list[:best], list[best+1:]...)
	}
	return refs
}

// Resolve makes ref absolute against base, which may be nil, and reports
// whether it is then an http or https address without user info. A fragment is
// dropped.
func Resolve(base *url.URL, ref string) (string, bool) {
	ref = strings.TrimSpace(ref)
	if ref == "" {
		return "", false
	}
	u, err := url.Parse(ref)
	if err != nil {
		// A space or a stray percent sign is no reason to lose a photo.
		u, err = url.Parse(strings.NewReplacer(" ", "%20", "%", "%25").Replace(ref))
		if err != nil {
			return "", false
		}
	}
	if base != nil {
		u = base.ResolveReference(u)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", false
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String(), true
}

// Pixels reads a width or height as HTML and feeds write it ("640", "640px");
// 0 means it says nothing.
func Pixels(s string) int {
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(s), "px"))
	if err != nil || n < 0 || n > 1<<20 {
		return 0
	}
	return n
}

func isNumber(s string) bool {
	_, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(s), "px"))
	return err == nil
}
