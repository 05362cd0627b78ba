// Package markup turns what sites send into what posts hold: bytes of any
// charset into UTF-8 ([Decode]), HTML into plain text ([Text]) and into the
// addresses of its pictures ([Images]).
package markup

import (
	"bytes"
	"mime"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

// Decoded is a body as UTF-8.
type Decoded struct {
	Text    []byte
	Charset string // as named in the encoding standard: "utf-8", "gb18030", "big5"
	Damaged bool   // some bytes had no meaning in that charset; U+FFFD stands for them
}

var (
	xmlProlog = regexp.MustCompile(`^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]+)["'][^>]*\?>`)
	metaTag   = regexp.MustCompile(`(?i)<meta\s[^>]*?charset\s*=\s*["']?\s*([A-Za-z0-9._:-]+)`)
)

// Decode finds the charset of body by its byte order mark, the Content-Type
// header, the XML prolog or the HTML meta tag, and by its bytes where none of
// them speaks or where they say UTF-8 and the bytes are not. gb2312, gbk and
// gb18030 are all read as gb18030. A prolog that names another charset is
// rewritten to UTF-8, so that an XML reader does not decode again.
func Decode(body []byte, contentType string) Decoded {
	label, e := declared(body, contentType)
	d := decode(body, label, e)
	if m := xmlProlog.FindSubmatchIndex(d.Text[:min(len(d.Text), 1024)]); m != nil {
		d.Text = bytes.Join([][]byte{d.Text[:m[2]], d.Text[m[3]:]}, []byte("UTF-8"))
	}
	return d
}

func declared(body []byte, contentType string) (string, encoding.Encoding) {
	switch {
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return "utf-8", unicode.UTF8BOM
	case bytes.HasPrefix(body, []byte("\xff\xfe")):
		return "utf-16le", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case bytes.HasPrefix(body, []byte("\xfe\xff")):
		return "utf-16be", unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	}
	// UTF-16 without a mark shows in the zero bytes round the first characters.
	if len(body) >= 4 {
		switch {
		case body[0] == 0 && body[1] != 0 && body[2] == 0:
			return "utf-16be", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
		case body[1] == 0 && body[0] != 0 && body[3] == 0:
			return "utf-16le", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
		}
	}
	utf := utf8.Valid(body)
	var names []string
	if _, params, err := mime.ParseMediaType(contentType); err == nil {
		names = append(names, params["charset"])
	} else if _, v, ok := strings.Cut(strings.ToLower(contentType), "charset="); ok {
		names = append(names, strings.Trim(v, `"' ;`))
	}
	head := body[:min(len(body), 4096)]
	if m := xmlProlog.FindSubmatch(head); m != nil {
		names = append(names, string(m[1]))
	} else if m := metaTag.FindSubmatch(head); m != nil {
		names = append(names, string(m[1]))
	}
	for _, name := range names {
		e, label := charset.Lookup(name)
		switch {
		case e == nil || strings.HasPrefix(label, "utf-16"): // a page whose bytes are not, see above
		case label == "utf-8" && !utf:
		case utf && label != "utf-8" && chinese(body): // it says GBK and sends UTF-8
		case label == "gbk":
			return "gb18030", simplifiedchinese.GB18030
		case label == "replacement":
		default:
			return label, e
		}
	}
	if utf {
		return "utf-8", unicode.UTF8
	}
	return guess(body)
}

// chinese reports whether valid UTF-8 holds characters that other charsets
// yield by accident once in a long while, and not four times.
func chinese(body []byte) bool {
	n := 0
	for i := 0; i < len(body) && n < 4; i++ {
		if body[i] >= 0xe3 && body[i] <= 0xe9 { // lead byte of U+3000 to U+9FFF
			n++
		}
	}
	return n == 4
}

func decode(body []byte, label string, e encoding.Encoding) Decoded {
	if label == "utf-8" {
		body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
		if utf8.Valid(body) {
			return Decoded{Text: body, Charset: label}
		}
	}
	text, err := e.NewDecoder().Bytes(body)
	if err != nil {
		text = bytes.ToValidUTF8(body, []byte("\ufffd"))
	}
	return Decoded{Text: text, Charset: label, Damaged: bytes.ContainsRune(text, utf8.RuneError)}
}

// guess tells Chinese charsets apart by where their frequent characters lie:
// those of GB2312 level 1 have a second byte of 0xA1 and above, of those of
// Big5 level 1 two fifths have one below 0x7F. Text in neither is taken for
// UTF-8 with damage if most of it is, else for windows-1252.
func guess(body []byte) (string, encoding.Encoding) {
	var pairs, gb, big5 int
	for i := 0; i+1 < len(body); i++ {
		lead, trail := body[i], body[i+1]
		if lead < 0x81 {
			continue
		}
		pairs++
		if trail >= 0xa1 && (lead >= 0xb0 && lead <= 0xd7 || lead >= 0xa1 && lead <= 0xa9) {
			gb++
		}
		if lead >= 0xa1 && lead <= 0xc6 && (trail >= 0xa1 && trail < 0xff || trail >= 0x40 && trail <= 0x7e) {
			big5++
		}
		i++
	}
	bad := 0
	for rest := body; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n == 1 {
			bad++
		}
		rest = rest[n:]
	}
	switch {
	case bad*20 < pairs: // UTF-8 with a cut character somewhere
		return "utf-8", unicode.UTF8
	case pairs > 0 && gb*10 >= pairs*8 && gb >= big5:
		return "gb18030", simplifiedchinese.GB18030
	case pairs > 0 && big5*10 >= pairs*8:
		return "big5", traditionalchinese.Big5
	case pairs > 0 && gb*2 >= pairs:
		return "gb18030", simplifiedchinese.GB18030
	}
	e, label := charset.Lookup("windows-1252")
	return label, e
}
