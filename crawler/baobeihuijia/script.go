package baobeihuijia

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"xunqin/crawler"
	"xunqin/crawler/listing"
	"xunqin/crawler/markup"
)

// data reads the script: all cases at once, those of found children apart.
func (r registry) data(ctx context.Context, f *crawler.Fetcher, req crawler.Request) (listing.Sheet, error) {
	a, err := f.Page(ctx, req)
	if err != nil {
		return listing.Sheet{}, err
	}
	if a.NotModified {
		return listing.Sheet{Unchanged: true}, nil
	}
	s, err := r.script(a.Body)
	if err != nil {
		return listing.Sheet{}, refuse(f, a, err)
	}
	s.Validators = a.Validators
	s.End = true
	return s, nil
}

var variable = regexp.MustCompile(`\b(jsondata|foundjsondata)\s*=\s*\{`)

func (r registry) script(body []byte) (listing.Sheet, error) {
	var s listing.Sheet
	lost, sets := 0, 0
	for _, m := range variable.FindAllSubmatchIndex(body, -1) {
		var set struct {
			Data *[]map[string]json.RawMessage `json:"data"`
		}
		doc, err := literal(body[m[1]-1:])
		if err == nil {
			err = json.Unmarshal(doc, &set)
		}
		if err != nil || set.Data == nil {
			return s, fmt.Errorf("%s is no object with data", body[m[2]:m[3]])
		}
		sets++
		gone := string(body[m[2]:m[3]]) == "foundjsondata"
		for _, row := range *set.Data {
			id := word(row["id"])
			if id != "" && gone {
				s.Entries = append(s.Entries, listing.Entry{ID: id, Stamp: "found", Post: &crawler.Post{NativeID: id, Kind: r.kind, Deleted: true}})
				continue
			}
			f := fields{name: word(row["name"]), sex: word(row["sex"]), birth: word(row["birth_time"]), place: word(row["lost_place"]), features: word(row["child_feature"])}
			f.put("失踪时间", word(row["lost_time"]))
			if id == "" || f.text() == "" {
				lost++
				continue
			}
			f[number] = id
			post := crawler.Post{NativeID: id, Kind: r.kind, Text: f.text(), Place: f[place]}
			post.URL, _ = markup.Resolve(nil, word(row["url"]))
			if u, ok := markup.Resolve(nil, word(row["child_pic"])); ok {
				post.Photos = []crawler.PhotoURL{{URL: u}}
			}
			e := listing.Entry{ID: id, Stamp: post.Text + word(row["child_pic"]), Post: &post}
			if page := r.pageOf(id); page != "" {
				h, err := json.Marshal(hint{Photo: word(row["child_pic"])})
				if err != nil {
					return s, fmt.Errorf("hint of a case: %w", err)
				}
				e.Post, e.URL, e.Hint = nil, page, string(h)
			}
			s.Entries = append(s.Entries, e)
		}
	}
	switch {
	case sets == 0:
		return s, errors.New("no jsondata")
	case lost > 0 && len(s.Entries) == 0:
		return s, errors.New("no case of jsondata has an id")
	case lost > 0:
		s.Warnings = append(s.Warnings, fmt.Sprintf("%d cases without a number or without a word were left out", lost))
	}
	return s, nil
}

// literal turns the JavaScript object at the start of src into JSON: bare keys
// and strings in single quotes become strings, commas before a closing bracket
// go, comments go.
func literal(src []byte) ([]byte, error) {
	var out []byte
	depth := 0
	for i := 0; i < len(src); {
		c := src[i]
		switch {
		case c == '{' || c == '[':
			if depth++; depth > 64 {
				return nil, errors.New("nested too deep")
			}
			out = append(out, c)
			i++
		case c == '}' || c == ']':
			for len(out) > 0 && out[len(out)-1] == ',' {
				out = out[:len(out)-1]
			}
			out = append(out, c)
			i++
			if depth--; depth == 0 {
				return out, nil
			}
		case c == '"' || c == '\'':
			s, n, err := quoted(src[i:])
			if err != nil {
				return nil, err
			}
			out = append(out, s...)
			i += n
		case strings.IndexByte(" \t\r\n", c) >= 0:
			i++
		case c == '/' && i+1 < len(src) && src[i+1] == '/':
			for i < len(src) && src[i] != '\n' {
				i++
			}
		case c == ',' || c == ':':
			out = append(out, c)
			i++
		case c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			from := i
			for i < len(src) && (src[i] == '_' || src[i] == '$' || src[i] >= 'a' && src[i] <= 'z' || src[i] >= 'A' && src[i] <= 'Z' || src[i] >= '0' && src[i] <= '9') {
				i++
			}
			switch w := string(src[from:i]); w {
			case "true", "false", "null":
				out = append(out, w...)
			case "undefined":
				out = append(out, "null"...)
			default:
				out = append(append(append(out, '"'), w...), '"')
			}
		case c == '-' || c >= '0' && c <= '9':
			from := i
			for i < len(src) && strings.IndexByte("+-.eE0123456789", src[i]) >= 0 {
				i++
			}
			out = append(out, src[from:i]...)
		default:
			return nil, fmt.Errorf("%q has no place in data", c)
		}
	}
	return nil, errors.New("no end")
}

// quoted reads a JavaScript string, gives it as JSON and how long it was.
func quoted(src []byte) ([]byte, int, error) {
	quote := src[0]
	var s []byte
	for i := 1; i < len(src); i++ {
		switch c := src[i]; {
		case c == quote:
			b, err := json.Marshal(string(s))
			return b, i + 1, err
		case c == '\n':
			return nil, 0, errors.New("a line ends inside a string")
		case c == '\\' && i+1 < len(src):
			i++
			switch e := src[i]; e {
			case 'n':
				s = append(s, '\n')
			case 't':
				s = append(s, '\t')
			case 'r', 'b', 'f':
				s = append(s, ' ')
			case 'u':
				if i+4 >= len(src) {
					return nil, 0, errors.New("no end")
				}
				var r rune
				if _, err := fmt.Sscanf(string(src[i+1:i+5]), "%04x", &r); err != nil {
					return nil, 0, errors.New("an escape that is none")
				}
				s = utf8.AppendRune(s, r)
				i += 4
			default:
				s = append(s, e)
			}
		default:
			s = append(s, c)
		}
	}
	return nil, 0, errors.New("no end")
}
