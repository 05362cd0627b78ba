package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"go/ast"
	"go/parser"
	"go/token"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	_ "golang.org/x/image/webp"
)

var root = filepath.Join("..", "..")

// tree calls fn for every file of the repository, by its path from the top with slashes. What a run leaves at the top level
// is not of it.
func tree(t *testing.T, fn func(path string, b []byte)) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() && (rel == ".git" || rel == "xunqin-data" || rel == "xunqin-keys" || rel == "deploy/elasticsearch-local/target") {
			return filepath.SkipDir
		}
		if !d.Type().IsRegular() || rel == "xunqin" || rel == ".git" || strings.HasSuffix(rel, ".test") || strings.HasSuffix(rel, ".prof") || rel == "coverage.out" {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n++
		fn(rel, b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 100 {
		t.Fatalf("only %d files were looked at", n)
	}
}

// dials are ways out of the machine that the guard does not see, by package and name.
var dials = map[string][]string{
	"net":        {"Dial", "DialTimeout", "DialTCP", "DialUDP", "DialIP", "DialUnix", "Dialer"},
	"net/http":   {"Get", "Post", "PostForm", "Head", "DefaultClient", "DefaultTransport", "ProxyFromEnvironment", "Transport", "Client"},
	"net/smtp":   {"Dial", "SendMail", "NewClient"},
	"net/rpc":    {"Dial", "DialHTTP"},
	"crypto/tls": {"Dial", "DialWithDialer", "Dialer"},
	"os/exec":    {"Command", "CommandContext", "Cmd"},
}

// mayDial says which files may, and why.
var mayDial = map[string]string{
	"crawler/guard/guard.go":                    "the door itself",
	"cmd/xunqin/internal/cli/remote.go":         "the socket of the server in the data folder",
	"search/elastic/elastic.go":                 "the server of the index, which whoever runs the program names",
	"cmd/xunqin/internal/app/app.go":            "the client of webhooks, made with the guard's transport",
	"search/elastic/elastictest/elastictest.go": "tests alone, which name the node they use",
	"cmd/xunqin/internal/bench/index.go":        "starts faiss beside the index that is measured, by a script that whoever measures names",
}

func TestNothingDialsBesideTheGuard_S7(t *testing.T) {
	used := map[string]bool{}
	tree(t, func(path string, b []byte) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || bytes.HasPrefix(b, []byte("//go:build ignore")) || strings.Contains(path, "/generate/") {
			return // neither is part of the program
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, b, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]string{} // by which this file calls a package
		for _, spec := range f.Imports {
			imp := strings.Trim(spec.Path.Value, `"`)
			name := imp[strings.LastIndexByte(imp, '/')+1:]
			if spec.Name != nil {
				name = spec.Name.Name
			}
			names[name] = imp
		}
		pointed := map[*ast.SelectorExpr]bool{}
		ast.Inspect(f, func(n ast.Node) bool {
			if star, ok := n.(*ast.StarExpr); ok {
				if sel, ok := star.X.(*ast.SelectorExpr); ok {
					pointed[sel] = true
				}
			}
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			id, ok := sel.X.(*ast.Ident)
			if !ok || !slices.Contains(dials[names[id.Name]], sel.Sel.Name) {
				return true
			}
			used[path] = true
			pointer := sel.Sel.Name == "Client" || sel.Sel.Name == "Transport" // a field or parameter: made elsewhere
			if mayDial[path] == "" && !(pointer && pointed[sel]) {
				t.Errorf("%s uses %s.%s: everything that leaves the machine goes through crawler/guard", path, names[id.Name], sel.Sel.Name)
			}
			return true
		})
	})
	for path := range mayDial {
		if !used[path] {
			t.Errorf("%s is allowed to dial and does not", path)
		}
	}
}

// likeness is what a module, package or identifier about recognizing people is called. Whole words of an identifier are
// compared, so an interface is not a face.
var (
	likenessModule = regexp.MustCompile(`(?i)(^|[/._-])(pigo|go-?face|face(net|detect|recog)?\w*|insightface|retinaface|deepface|arcface|dlib\w*|gocv|opencv\w*|mediapipe|onnx\w*|tensorflow\w*|tf-?lite|tfgo|gorgonia|torch\w*|gotch|ggml|llama\w*|rekognition|caffe\w*|mxnet|openvino|ncnn|clip-?go)([/._-]|$)`)
	likenessWords  = []string{"face", "faces", "facial", "landmark", "landmarks", "embedding", "embeddings", "facenet", "arcface", "retinaface", "insightface", "deepface", "openface", "vggface", "mtcnn", "blazeface", "yolo",
		"dlib", "haar", "biometric", "biometrics", "onnx", "tflite", "tensorflow", "pytorch", "ethnicity", "race", "gait", "iris", "lookalike"}
)

// typefaces are the files in which a face is one of letters.
var typefaces = []string{"cmd/xunqin/internal/demo/draw/edit.go"}

// words parts an identifier: faceBox, FaceBox and face_box are face and box.
func words(s string) []string {
	var out []string
	var cur []rune
	end := func() {
		if len(cur) > 0 {
			out, cur = append(out, strings.ToLower(string(cur))), nil
		}
	}
	runes := []rune(s)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r):
			end()
			continue
		case unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])):
			end()
		}
		cur = append(cur, r)
	}
	end()
	return out
}

func TestNothingRecognizesPeople_S19(t *testing.T) {
	tree(t, func(path string, b []byte) {
		switch {
		case path == "go.mod" || path == "go.sum":
			for line := range strings.Lines(string(b)) {
				for _, field := range strings.Fields(line) {
					if likenessModule.MatchString(field) && !strings.HasPrefix(field, "h1:") {
						t.Errorf("%s: %s", path, strings.TrimSpace(line))
					}
				}
			}
		case strings.HasSuffix(path, ".go"):
			f, err := parser.ParseFile(token.NewFileSet(), path, b, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range f.Imports {
				if likenessModule.MatchString(strings.Trim(spec.Path.Value, `"`)) {
					t.Errorf("%s imports %s", path, spec.Path.Value)
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					for _, w := range words(id.Name) {
						if slices.Contains(likenessWords, w) && !(w == "face" && slices.Contains(typefaces, path)) {
							t.Errorf("%s names %s", path, id.Name)
						}
					}
				}
				return true
			})
		}
	})
}

// model names the kind of machine-learned model that a file is, by how it begins, or is empty.
func model(path string, b []byte) string {
	head := b[:min(len(b), 512)]
	at := func(off int, magic string) bool {
		return len(b) >= off+len(magic) && string(b[off:off+len(magic)]) == magic
	}
	switch {
	case at(4, "TFL3"):
		return "TFLite"
	case at(0, "GGUF") || at(0, "ggml") || at(0, "lmgg") || at(0, "tjgg"):
		return "GGUF"
	case at(0, "\x89HDF\r\n\x1a\n"):
		return "HDF5"
	case at(0, "\x93NUMPY"):
		return "NumPy"
	case at(0, "7767517\n"):
		return "ncnn"
	case len(b) > 10 && b[0] == 0x80 && b[1] >= 2 && b[1] <= 5 && b[len(b)-1] == '.':
		return "pickle"
	case at(0, "PK\x03\x04") && bytes.Contains(head, []byte("data.pkl")):
		return "PyTorch"
	case at(8, `{"`) && binary.LittleEndian.Uint64(b) < uint64(len(b)) && bytes.Contains(head, []byte(`"dtype"`)):
		return "safetensors"
	case len(b) > 2 && b[0] == 0x08 && b[1] < 0x20 && b[2] == 0x12 || bytes.Contains(head, []byte("\x1a\x04onnx")):
		return "ONNX"
	case bytes.Contains(head, []byte("<opencv_storage>")):
		return "OpenCV cascade"
	}
	switch ext := filepath.Ext(path); ext {
	case ".onnx", ".tflite", ".gguf", ".ggml", ".safetensors", ".h5", ".hdf5", ".keras", ".pkl", ".pickle", ".pt", ".pth", ".pb", ".caffemodel", ".mlmodel", ".npz", ".npy", ".weights", ".ckpt", ".joblib":
		return ext
	}
	return ""
}

func TestThereIsNoModelFile_S19(t *testing.T) {
	tree(t, func(path string, b []byte) {
		if kind := model(path, b); kind != "" {
			t.Errorf("%s is a model: %s", path, kind)
		}
	})
}

func TestModelFilesAreKnownByHowTheyBegin_S19(t *testing.T) {
	for want, b := range map[string]string{
		"TFLite": "\x1c\x00\x00\x00TFL3\x14\x00", "GGUF": "GGUF\x03\x00\x00\x00", "HDF5": "\x89HDF\r\n\x1a\n\x00", "NumPy": "\x93NUMPY\x01\x00", "pickle": "\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}q.",
		"safetensors": "\x20\x00\x00\x00\x00\x00\x00\x00" + `{"a":{"dtype":"F32","shape":[1]}}`, "ONNX": "\x08\x07\x12\x07pytorch", "PyTorch": "PK\x03\x04\x14\x00archive/data.pkl", "OpenCV cascade": `<?xml version="1.0"?><opencv_storage>`,
	} {
		if got := model("x", []byte(b)); got != want {
			t.Errorf("%q is %q, want %q", b, got, want)
		}
	}
	if got := model("x.txt", []byte("a plain text that is no model at all")); got != "" {
		t.Errorf("text is %q", got)
	}
}

// kept says which files of the repository are not text, and why.
var kept = map[string]string{
	"pipeline/photo/testdata/": "drawn by a program and small: formats the standard library cannot write",
	"deploy/docs/":             "the desk of the demo, whose pictures are drawn by the program",
	"pipeline/photo/libavif/":  "a decoder of AVIF, compiled",
	"cmd/xunqin/internal/desk": "icons",
}

// ours are the endings of files that are text.
var ours = []string{".go", ".md", ".html", ".toml", ".tsv", ".sql", ".css", ".js", ".svg", ".sum", ".mod", ".txtar", ".txt", ".json", ".jsonl", ".xml", ".yml", ".yaml", ".service", ".sh", ".py", ".golden", ".conf", ".java", ".properties"}

func TestTheRepositoryHoldsNoRealDataByFormat_S49(t *testing.T) {
	tree(t, func(path string, b []byte) {
		base := filepath.Base(path)
		text := utf8.Valid(b) && !bytes.ContainsRune(b, 0)
		if text && (slices.Contains(ours, filepath.Ext(path)) || !strings.Contains(strings.TrimPrefix(base, "."), ".")) {
			return
		}
		if text && (strings.Contains(path, "/testdata/fuzz/") || strings.HasPrefix(base, "LICENSE.")) {
			return
		}
		for dir := range kept {
			if !strings.HasPrefix(path, dir) {
				continue
			}
			switch filepath.Ext(path) {
			case ".png", ".jpg", ".webp", ".avif", ".gif", ".ico", ".woff2":
			case ".gz":
				if !strings.HasSuffix(base, ".wasm.gz") {
					t.Errorf("%s is of a kind that has no place in %s", path, dir)
				}
			default:
				t.Errorf("%s is of a kind that has no place in %s", path, dir)
			}
			if strings.HasPrefix(path, "pipeline/photo/testdata/") {
				if m, _, err := image.DecodeConfig(bytes.NewReader(b)); len(b) > 32<<10 || err == nil && max(m.Width, m.Height) > 512 {
					t.Errorf("%s has %d bytes: too large to be a drawing for a test", path, len(b))
				}
			}
			return
		}
		t.Errorf("%s (%d bytes) is neither text of a known kind nor among the files that may be here", path, len(b))
	})
}

// invented are numbers in tests that nobody has: patterns, or the examples of the standards themselves.
var invented = []string{"13800138000", "13900139000", "13912345678", "13987654321", "13812345678", "15012345678",
	"440106200508121234", "11010519491231002X", // the example of GB 11643
}

var (
	mobile   = regexp.MustCompile(`(?:^|[^0-9A-Za-z.])(1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4})(?:[^0-9A-Za-z]|$)`)
	identity = regexp.MustCompile(`(?:^|[^0-9A-Za-z.])([1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx])(?:[^0-9A-Za-z]|$)`)
)

// pattern is true of a number nobody has: two halves alike, digits that count up or down, hardly any but zeros.
func pattern(digits string) bool {
	tail := digits[len(digits)-8:]
	return tail[:4] == tail[4:] || tail[:4] == "0000" || strings.Contains("01234567890123456789", tail) || strings.Contains("98765432109876543210", tail) || strings.Count(tail, tail[:1]) >= 7 || strings.Count(tail, "0") >= 6
}

func TestTheRepositoryHoldsNobodysNumbers_S49(t *testing.T) {
	tree(t, func(path string, b []byte) {
		if path == "go.sum" || !utf8.Valid(b) || strings.Contains(path, "/testdata/fuzz/") {
			return
		}
		for _, re := range []*regexp.Regexp{mobile, identity} {
			for _, m := range re.FindAllSubmatch(b, -1) {
				n := strings.NewReplacer(" ", "", "-", "").Replace(string(m[1]))
				if !slices.Contains(invented, strings.ToUpper(n)) && !pattern(n) {
					t.Errorf("%s holds %s, which somebody may have", path, m[1])
				}
			}
		}
	})
}

func TestTheRepositoryHoldsNoPhotoOfTheCollection_S49(t *testing.T) {
	collection := filepath.Join(root, "..", "shared", "photos")
	if _, err := os.Stat(collection); err != nil {
		t.Skip("no collection of real photos beside the repository: ", err)
	}
	names, sums := map[string]bool{}, map[[32]byte]string{}
	err := filepath.WalkDir(collection, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasSuffix(path, ".txt") {
			return err
		}
		b, err := os.ReadFile(path)
		sums[sha256.Sum256(b)] = path
		if stem := strings.TrimSuffix(d.Name(), filepath.Ext(d.Name())); len(stem) >= 8 {
			names[stem] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(sums) == 0 {
		t.Skip("the collection is empty")
	}
	word := regexp.MustCompile(`[A-Za-z0-9_]{8,}`)
	tree(t, func(path string, b []byte) {
		if was := sums[sha256.Sum256(b)]; was != "" {
			t.Errorf("%s is %s", path, was)
		}
		for _, w := range slices.Concat(word.FindAll([]byte(path), -1), word.FindAll(b, -1)) {
			if names[string(w)] {
				t.Errorf("%s names %s, a photo of the collection", path, w)
			}
		}
	})
	t.Logf("%d photos, %d names, such as %s", len(sums), len(names), slices.Sorted(maps.Keys(names))[0])
}
