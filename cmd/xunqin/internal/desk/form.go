package desk

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Errors are complaints about the fields of a form, by the field's name, in the reader's language.
type Errors map[string]string

// complaint is what the template "bad" shows at a field.
type complaint struct{ Field, Text string }

// parse reads the body of a form once.
func (p *Page) parse() error {
	if err := p.R.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return err
		}
		return fmt.Errorf("%w: %w", &Problem{Status: http.StatusBadRequest, Key: "form"}, err)
	}
	return nil
}

// Read fills a struct from the form of a POST, or the query of a GET. Fields are tagged form:"name" and, for text,
// max:"200", characters, 200 when not said. They may be string (trimmed, line ends as \n), []string, bool (any value is true) or
// int. What does not fit is a complaint at its field, and the field keeps what was written where it can. An error means
// that the whole form cannot be read.
func (p *Page) Read(into any) (Errors, error) {
	values := p.R.URL.Query()
	if p.R.Method == http.MethodPost {
		if err := p.parse(); err != nil {
			return nil, err
		}
		values = p.R.PostForm
	}
	wrong := Errors{}
	for name, key := range readForm(values, into) {
		wrong[name] = p.T("form."+key.key, key.args...)
	}
	return wrong, nil
}

type formError struct {
	key  string
	args []any
}

// readForm is Read on plain values.
func readForm(values url.Values, into any) map[string]formError {
	wrong := map[string]formError{}
	v := reflect.ValueOf(into).Elem()
	for i := range v.NumField() {
		field, tag := v.Field(i), v.Type().Field(i).Tag
		name := tag.Get("form")
		if name == "" {
			continue
		}
		most := 200
		if n, err := strconv.Atoi(tag.Get("max")); err == nil {
			most = n
		}
		clean := func(s string) string {
			s = strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
			if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				wrong[name] = formError{"unreadable", nil}
				return ""
			}
			if utf8.RuneCountInString(s) > most {
				wrong[name] = formError{"long", []any{"n", most}}
			}
			return s
		}
		switch field.Interface().(type) {
		case string:
			field.SetString(clean(values.Get(name)))
		case []string:
			var list []string
			for _, s := range values[name] {
				if s = clean(s); s != "" && len(list) < 100 {
					list = append(list, s)
				}
			}
			field.Set(reflect.ValueOf(list))
		case bool:
			field.SetBool(values.Get(name) != "")
		case int:
			s := clean(values.Get(name))
			n, err := strconv.Atoi(s)
			if err != nil && s != "" {
				wrong[name] = formError{"number", nil}
			}
			field.SetInt(int64(n))
		default:
			panic("form field of type " + field.Type().String())
		}
	}
	return wrong
}
