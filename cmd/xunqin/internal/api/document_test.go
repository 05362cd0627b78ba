package api

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"xunqin/cmd/xunqin/internal/desk"
	"xunqin/pipeline/photo"
	"xunqin/search"
)

// node walks a decoded JSON document.
type node = map[string]any

// at is what a reference of the document names.
func at(doc node, ref string) any {
	var v any = doc
	for _, part := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		m, ok := v.(node)
		if !ok {
			return nil
		}
		v = m[part]
	}
	return v
}

// each calls fn for every object of the document.
func each(v any, path string, fn func(path string, n node)) {
	switch v := v.(type) {
	case node:
		fn(path, v)
		for k, inner := range v {
			each(inner, path+"/"+k, fn)
		}
	case []any:
		for _, inner := range v {
			each(inner, path+"/-", fn)
		}
	}
}

// The rules of OpenAPI 3.1 that a document made from Go types could break: the fields it must have, the fields an object may have, the
// parameters of a path, names used once, references that lead somewhere, types that JSON Schema knows.
func TestTheDocumentIsValidAndComplete(t *testing.T) {
	s := newSite(t)
	nobody := &caller{t: t, site: s}
	a := nobody.get("/openapi.json")
	var doc node
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil || a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d, %v, %v", a.status, a.header, err)
	}
	if !regexp.MustCompile(`^3\.1\.\d+$`).MatchString(doc["openapi"].(string)) {
		t.Errorf("openapi %v", doc["openapi"])
	}
	for _, field := range []string{"info", "paths", "components", "servers", "tags"} {
		if doc[field] == nil {
			t.Errorf("the document has no %s", field)
		}
	}
	for key := range doc {
		if !slices.Contains([]string{"openapi", "info", "servers", "paths", "components", "tags"}, key) {
			t.Errorf("the document has a field %s", key)
		}
	}
	types := []string{"object", "array", "string", "integer", "number", "boolean", "null"}
	each(doc, "", func(path string, n node) {
		if ref, ok := n["$ref"].(string); ok && at(doc, ref) == nil {
			t.Errorf("%s refers to %s, which is not there", path, ref)
		}
		if kind, ok := n["type"].(string); ok && strings.Contains(path, "schema") && !slices.Contains(types, kind) {
			t.Errorf("%s is of the type %s", path, kind)
		}
		if pattern, ok := n["pattern"].(string); ok {
			if _, err := regexp.Compile(pattern); err != nil || pattern != `\S` && (!strings.HasPrefix(pattern, "^") || !strings.HasSuffix(pattern, "$")) {
				t.Errorf("%s has the pattern %s", path, pattern)
			}
		}
		if n["nullable"] != nil {
			t.Errorf("%s is nullable as in OpenAPI 3.0", path)
		}
	})
	used := map[string]bool{}
	each(doc, "", func(_ string, n node) {
		if ref, ok := n["$ref"].(string); ok {
			used[ref] = true
		}
	})
	for name := range at(doc, "#/components/schemas").(node) {
		if !used["#/components/schemas/"+name] {
			t.Errorf("the schema %s is used nowhere", name)
		}
	}
	if at(doc, "#/components/securitySchemes/token/scheme") != "bearer" {
		t.Error("the document does not say how a token is shown")
	}
	ids, n := map[string]bool{}, 0
	for path, item := range doc["paths"].(node) {
		for method, v := range item.(node) {
			op := v.(node)
			name := strings.ToUpper(method) + " " + path
			n++
			id, _ := op["operationId"].(string)
			if id == "" || ids[id] {
				t.Errorf("%s: operationId %q is missing or stands twice", name, id)
			}
			ids[id] = true
			if op["summary"] == "" || op["description"] == nil || op["tags"] == nil {
				t.Errorf("%s is not described", name)
			}
			scope, _ := op["x-scope"].(string)
			named := strings.Contains(op["description"].(string), "`"+scope+"`") && slices.ContainsFunc(desk.Scopes(), func(s desk.Scope) bool { return s.Name == scope })
			if !named && id != "me" {
				t.Errorf("%s does not name its scope", name)
			}
			if op["security"] == nil {
				t.Errorf("%s wants no token", name)
			}
			var inPath []string
			params, _ := op["parameters"].([]any)
			for _, v := range params {
				p := v.(node)
				schema := p["schema"].(node)
				if p["description"] == nil {
					t.Errorf("%s: %s is not described", name, p["name"])
				}
				if p["in"] == "path" {
					inPath = append(inPath, p["name"].(string))
					if p["required"] != true {
						t.Errorf("%s: %s is in the path and not required", name, p["name"])
					}
				}
				bounded := schema["type"] == "boolean" || schema["enum"] != nil || schema["maxLength"] != nil || schema["maximum"] != nil
				if !bounded {
					t.Errorf("%s: %s has no limit", name, p["name"])
				}
			}
			for _, m := range regexp.MustCompile(`\{([^}]+)\}`).FindAllStringSubmatch(path, -1) {
				if !slices.Contains(inPath, m[1]) {
					t.Errorf("%s does not describe {%s}", name, m[1])
				}
			}
			responses := op["responses"].(node)
			statuses := []string{"401", "403", "422", "429", "500", "503"}
			if strings.Contains(path, "{id}") {
				statuses = append(statuses, "404")
			}
			if op["requestBody"] != nil {
				statuses = append(statuses, "400", "413", "415")
			}
			for _, status := range statuses {
				r, _ := responses[status].(node)
				if r == nil || at(r, "#/content/application~1problem+json") == nil && at(r, "#/content") == nil {
					t.Errorf("%s does not say how it answers %s", name, status)
				}
			}
			if responses["200"] == nil && responses["204"] == nil || responses["default"] != nil {
				t.Errorf("%s does not say how it answers well", name)
			}
		}
	}
	if want := len(s.operations()); n != want {
		t.Errorf("%d operations are described, there are %d", n, want)
	}
}

func TestADocumentThatIsKnownIsNotSentAgain(t *testing.T) {
	s := newSite(t)
	for _, name := range []string{"/openapi.json", "/openapi.yaml"} {
		res, err := http.Get(s.URL + Base + name)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		req, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+Base+name, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("If-None-Match", res.Header.Get("ETag"))
		again, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		again.Body.Close()
		if res.StatusCode != http.StatusOK || again.StatusCode != http.StatusNotModified {
			t.Errorf("%s: %d, then %d", name, res.StatusCode, again.StatusCode)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add("1772442300000.k3vq2m7xw5b4tzr6p2ynd3cjaf")
	f.Add("-1.k3vq2m7xw5b4tzr6p2ynd3cjaf")
	f.Add("999999999999999.aaaaaaaaaaaaaaaaaaaaaaaaaa")
	f.Add("")
	pattern := regexp.MustCompile(`^[0-9]{1,15}[.][a-z2-7]{26}$`)
	f.Fuzz(func(t *testing.T, text string) {
		key, err := readCursor(text)
		if pattern.MatchString(text) && err != nil {
			t.Fatalf("%q is as the document says and cannot be read: %v", text, err)
		}
		if err != nil {
			return
		}
		if again, err := readCursor(key.String()); err != nil || again != key {
			t.Fatalf("%q: %+v is written as %q and read as %+v, %v", text, key, key.String(), again, err)
		}
	})
}

func FuzzFingerprint(f *testing.F) {
	f.Add("0123456789abcdef", 10)
	f.Add(strings.Repeat("0f", 32), 48)
	f.Add("xyz", -1)
	pattern := regexp.MustCompile(`^([0-9a-f]{16}|[0-9a-f]{64})$`)
	f.Fuzz(func(t *testing.T, text string, radius int) {
		if !pattern.MatchString(text) || radius < 0 || radius > photo.TransformRadius {
			return // refused by the document
		}
		got, r, err := (fingerprintInput{Hex: text, Radius: radius}).fingerprint()
		if err != nil || got.Check() != nil || r > radius {
			t.Fatalf("%q within %d: %+v within %d, %v", text, radius, got, r, err)
		}
		if n := search.Hamming(got.Bits, got.Bits); n != 0 {
			t.Fatal(n)
		}
	})
}
