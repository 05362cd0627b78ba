package cli

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"xunqin/cmd/xunqin/internal/locale"
)

func drawnPicture(seed uint64) *image.RGBA {
	r := rand.New(rand.NewPCG(seed, 1911))
	m := image.NewRGBA(image.Rect(0, 0, 600, 450))
	draw.Draw(m, m.Rect, image.NewUniform(color.RGBA{90, 120, 150, 255}), image.Point{}, draw.Src)
	for i := range 260 {
		size := max(4, 450*(3+r.IntN(22))/(60+i*2))
		at := image.Pt(r.IntN(600), r.IntN(450))
		c := color.RGBA{byte(r.IntN(220)), byte(r.IntN(220)), byte(r.IntN(220)), 255}
		draw.Draw(m, image.Rect(0, 0, size, size/(1+r.IntN(3))+2).Add(at), image.NewUniform(c), image.Point{}, draw.Src)
	}
	for i := range m.Pix { // grain, without which a picture like this is cut into pieces
		m.Pix[i] = byte(max(0, min(255, int(m.Pix[i])+r.IntN(101)-50)))
	}
	return m
}

func savePicture(t *testing.T, path string, m image.Image) {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestCompareTellsKindAndPlace(t *testing.T) {
	dir := t.TempDir()
	m := drawnPicture(1)
	savePicture(t, filepath.Join(dir, "known.jpg"), m)
	savePicture(t, filepath.Join(dir, "other.jpg"), drawnPicture(2))
	page := image.NewRGBA(image.Rect(0, 0, 800, 900))
	draw.Draw(page, page.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(page, image.Rect(100, 200, 610, 560), m, image.Pt(40, 50), draw.Src)
	savePicture(t, filepath.Join(dir, "poster.jpg"), page)

	compare := func(args ...string) (int, string) {
		var out bytes.Buffer
		e := &Env{Stdout: &out, Stderr: io.Discard, Dir: dir, Lang: locale.English, Now: time.Now}
		return Run(t.Context(), e, append([]string{"compare"}, args...)), out.String()
	}
	status, text := compare("poster.jpg", "known.jpg", "--json")
	var got comparison
	if err := json.Unmarshal([]byte(text), &got); status != 0 || err != nil {
		t.Fatalf("%d %v\n%s", status, err, text)
	}
	if got.Kind != "inside" || !got.Found || got.Evidence == nil || got.Geometry == nil {
		t.Fatal(text)
	}
	for i, want := range [4][2]int{{100, 200}, {610, 200}, {610, 560}, {100, 560}} {
		if dx, dy := got.Geometry.Query[i][0]-want[0], got.Geometry.Query[i][1]-want[1]; dx*dx+dy*dy > 12*12 {
			t.Errorf("outlined at %v", got.Geometry.Query)
			break
		}
	}
	for _, c := range []struct{ query, want string }{
		{"known.jpg", "The very same file."},
		{"other.jpg", "Nothing in common was found."},
	} {
		if status, text := compare(c.query, "known.jpg"); status != 0 || strings.TrimSpace(text) != c.want {
			t.Errorf("%s: %d %q", c.query, status, text)
		}
	}
	if status, _ := compare("none.jpg", "known.jpg"); status != 1 {
		t.Errorf("a file that is not there: %d", status)
	}
}

func TestCompareSaysWhereAndOnWhatGround(t *testing.T) {
	dir := t.TempDir()
	m := drawnPicture(1)
	savePicture(t, filepath.Join(dir, "known.jpg"), m)
	page := image.NewRGBA(image.Rect(0, 0, 800, 900))
	draw.Draw(page, page.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(page, image.Rect(100, 200, 610, 560), m, image.Pt(40, 50), draw.Src)
	savePicture(t, filepath.Join(dir, "poster.jpg"), page)
	for lang, words := range map[string][]string{
		locale.English: {"The known picture within another", "In the first picture at ", "points lie in the same places"},
		locale.Chinese: {"已知图片在另一张图片之中", "在第一张图片的", "个点位置一致"},
	} {
		var out bytes.Buffer
		e := &Env{Stdout: &out, Stderr: io.Discard, Dir: dir, Lang: lang, Now: time.Now}
		if status := Run(t.Context(), e, []string{"compare", "poster.jpg", "known.jpg"}); status != 0 {
			t.Fatal(status)
		}
		for _, w := range words {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: no %q in\n%s", lang, w, out.String())
			}
		}
	}
}

func TestCompareSaysWhyAFileCannotBeCompared(t *testing.T) {
	dir := t.TempDir()
	savePicture(t, filepath.Join(dir, "good.jpg"), drawnPicture(1))
	savePicture(t, filepath.Join(dir, "flat.jpg"), image.NewGray(image.Rect(0, 0, 300, 200)))
	savePicture(t, filepath.Join(dir, "tiny.jpg"), drawnPicture(1).SubImage(image.Rect(0, 0, 40, 40)))
	whole, err := os.ReadFile(filepath.Join(dir, "good.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"words.txt": []byte("not a picture at all"), "empty.jpg": {}, "cut.jpg": whole[:len(whole)/2],
		"phone.heic": append([]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), make([]byte, 200)...),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string][2]string{
		"none.jpg":   {"none.jpg", "none.jpg"},
		"words.txt":  {"not a picture", "不是"},
		"empty.jpg":  {"empty", "空"},
		"cut.jpg":    {"cut off or damaged", "损坏"},
		"phone.heic": {"HEIC", "HEIC"},
		"flat.jpg":   {"too flat or too small", "太平或太小"},
		"tiny.jpg":   {"too flat or too small", "太平或太小"},
	} {
		for i, lang := range []string{locale.English, locale.Chinese} {
			for _, args := range [][]string{{name, "good.jpg"}, {"good.jpg", name, "--json"}} {
				var out, errs bytes.Buffer
				e := &Env{Stdout: &out, Stderr: &errs, Dir: dir, Lang: lang, Now: time.Now}
				status := Run(t.Context(), e, append([]string{"compare"}, args...))
				if status != 1 || out.Len() > 0 || !strings.Contains(errs.String(), want[i]) || !strings.Contains(errs.String(), name) {
					t.Errorf("%s %q: %d %q, want %q", lang, args, status, errs.String(), want[i])
				}
			}
		}
	}
}

func TestBenchRefusesWhatItCannotMeasure(t *testing.T) {
	for _, args := range [][]string{{"hamming", "folder"}, {"match", "--half", "3"}, {"match", "--originals", "0"}, {"growth"}, {"growth", "--set", "a", "--dir", "b", "--sizes", "9,3"}} {
		e := &Env{Stdout: io.Discard, Stderr: io.Discard, Dir: t.TempDir(), Lang: locale.English, Now: time.Now}
		if status := Run(t.Context(), e, append([]string{"bench"}, args...)); status != 2 {
			t.Errorf("%q: %d", args, status)
		}
	}
}

func TestBenchMatchDrawsItsOwnSet(t *testing.T) {
	var out bytes.Buffer
	e := &Env{Stdout: &out, Stderr: io.Discard, Dir: t.TempDir(), Lang: locale.English, Now: time.Now}
	if status := Run(t.Context(), e, []string{"bench", "match", "--originals", "1", "--no-layouts", "--json"}); status != 0 {
		t.Fatalf("%d", status)
	}
	var got struct {
		Edits      map[string]struct{ Found, Of int }
		Pairs      *int
		FalsePairs *int `json:"false_pairs"`
		Series     map[string]any
		MS, Bytes  map[string]float64
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Edits) != 36 || got.Edits["mirror"].Of != 1 || got.Pairs == nil || got.FalsePairs == nil {
		t.Error(out.String())
	}
	for _, key := range []string{"decode", "hash", "features", "candidates", "verify"} {
		if _, ok := got.MS[key]; !ok {
			t.Errorf("no ms of %s", key)
		}
	}
	if got.Series["called_same"] != 0.0 || got.Bytes["reference"] == 0 || got.Bytes["crawled"] == 0 {
		t.Errorf("%v %v", got.Series, got.Bytes)
	}
}
