package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// allowed says which areas each area may import; what a package of one area imports of its own area is its own affair.
var allowed = map[string][]string{
	"deploy":   {},
	"crawler":  {},
	"search":   {},
	"pipeline": {"crawler", "search"},
	"cmd":      {"crawler", "search", "pipeline"},
}

// denied are packages nothing may import, with the reason.
var denied = map[string]string{
	"github.com/elastic/go-elasticsearch/v8": "its root compiles a thousand packages; use esapi and elastictransport",
}

func TestImportsPointOneWay(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && rel != ".") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		area, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if why, bad := denied[imp]; bad {
				t.Errorf("%s imports %s: %s", rel, imp, why)
			}
			ours, ok := strings.CutPrefix(imp, "xunqin/")
			if !ok {
				continue
			}
			to, _, _ := strings.Cut(ours, "/")
			if to != area && !slices.Contains(allowed[area], to) {
				t.Errorf("%s imports %s: %s may import %v", rel, imp, area, allowed[area])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheTopLevelIsWhatItShouldBe(t *testing.T) {
	entries, err := filepath.Glob(filepath.Join("..", "..", "*"))
	if err != nil {
		t.Fatal(err)
	}
	agreed := []string{"cmd", "crawler", "pipeline", "search", "deploy", "go.mod", "go.sum", "README.md", "LICENSE"}
	for _, e := range entries { // xunqin, xunqin-data and xunqin-keys are what a run leaves, and not tracked
		if name := filepath.Base(e); !slices.Contains(agreed, name) && !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "xunqin") {
			t.Errorf("%s is not of the agreed top level", name)
		}
	}
}
