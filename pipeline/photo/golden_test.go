package photo

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"xunqin/pipeline/photo/feature"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden is all that matching says of one pair of pictures.
type golden struct {
	Known    [3]string // hashes of the features and the brightness kept of it, and its 256-bit fingerprint
	Query    string    // the hash of all fingerprints and features that it is looked for by
	Found    bool
	Kind     string
	Outlines string
	Maps     [2][6]float64
	Evidence feature.Evidence
}

// Stored features and fingerprints are compared with those made on other machines, and a verdict must not depend on where it was
// made: all of it is the same to the last bit on every architecture, which CI shows by running this test as another one. Only
// goimagehash computes in floating point, and TestFingerprintsStayAsTheyAre grants it two bits.
//
// With -update the file is written anew. Where stored bits change on purpose, the versions of the methods change with it.
func TestMatchingIsTheSameOnEveryMachine(t *testing.T) {
	got := map[string]golden{}
	for i, size := range []image.Point{{640, 480}, {417, 611}} {
		m := scene(uint64(31+i), size.X, size.Y)
		known, err := Prepare(t.Context(), pngBytes(t, m), Limits{Features: true})
		if err != nil {
			t.Fatal(err)
		}
		luma, err := Brightness(known.Grey)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := known.Features.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		kept := feature.Reference(size, luma, known.Features)
		for name, q := range map[string][]byte{
			"recompressed": jpegBytes(t, m, 30),
			"mirrored":     pngBytes(t, flipped(m)),
			"cropped":      pngBytes(t, nrgba(m.SubImage(image.Rect(size.X/5, size.Y/6, size.X, size.Y*4/5)))),
			"in a poster":  jpegBytes(t, within(m, size.X+160, size.Y+420, image.Pt(80, 150), color.White), 75),
			"another":      pngBytes(t, scene(uint64(41+i), size.X, size.Y)),
		} {
			p, err := Prepare(t.Context(), q, Limits{Probe: true})
			if err != nil {
				t.Fatal(err)
			}
			var g golden
			g.Known = [3]string{digest(stored), digest(luma.Pix), hex.EncodeToString(known.Fingerprints[0].Bits)}
			v, found := p.Probe.Compare(known, kept)
			g.Found, g.Kind, g.Evidence, g.Maps = found, v.Kind, v.Evidence, [2][6]float64{v.ToKnown, v.ToQuery}
			g.Outlines = fmt.Sprint(v.View, v.Query, v.Known)
			var all []byte
			for _, f := range p.Probe.Fingerprints {
				all = append(all, f.Bits...)
			}
			for _, v := range p.Probe.Query.Probes() {
				for _, f := range []interface{ AppendBinary([]byte) ([]byte, error) }{v.Plain, v.Mirrored} {
					if all, err = f.AppendBinary(all); err != nil {
						t.Fatal(err)
					}
				}
			}
			g.Query = digest(all)
			got[name+" "+size.String()] = g
		}
	}
	file := filepath.Join("testdata", "golden", "matches.json")
	if *update {
		b, err := json.MarshalIndent(got, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]golden{}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for name, g := range got {
		if want := name[:7] != "another"; g.Found != want {
			t.Errorf("%s: found %v", name, g.Found)
		}
	}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
