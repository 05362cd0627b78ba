package search

import (
	"bytes"
	"image"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func someFeatures(n int) Features {
	f := Features{Algo: OrientedBinary, Part: image.Rect(3, 0, 1203, 900), W: 512, H: 384}
	for i := range n {
		p := Point{X: uint16(i * 16), Y: uint16(i * 7), Angle: uint8(i), Level: uint8(i % 8)}
		for j := range p.Desc {
			p.Desc[j] = byte(i*31 + j*17)
		}
		f.Points = append(f.Points, p)
	}
	return f
}

func TestFeaturesOfAReferencePhotoTakeLessThanTenKilobytes(t *testing.T) {
	b, err := someFeatures(250).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 10_000 {
		t.Errorf("%d bytes", len(b))
	}
}

func TestFeaturesAreReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 1<<16-1)
		want := Features{
			Algo: rapid.StringN(1, 16, 64).Draw(t, "algo"),
			W:    uint16(n.Draw(t, "w")), H: uint16(n.Draw(t, "h")),
		}
		x, y := n.Draw(t, "x"), n.Draw(t, "y")
		want.Part = image.Rect(x, y, x+n.Draw(t, "dx"), y+n.Draw(t, "dy"))
		for range rapid.IntRange(0, 5).Draw(t, "points") {
			p := Point{X: uint16(n.Draw(t, "px")), Y: uint16(n.Draw(t, "py")), Angle: rapid.Byte().Draw(t, "angle"), Level: rapid.Byte().Draw(t, "level")}
			copy(p.Desc[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "desc"))
			want.Points = append(want.Points, p)
		}
		b, err := want.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var got Features
		if err := got.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestFeaturesThatCannotBeStoredAreRefused(t *testing.T) {
	for name, f := range map[string]Features{
		"no method":       {Part: image.Rect(0, 0, 1, 1)},
		"too many points": {Algo: OrientedBinary, Points: make([]Point, MaxPoints+1)},
		"negative place":  {Algo: OrientedBinary, Part: image.Rect(-1, 0, 5, 5)},
	} {
		if _, err := f.MarshalBinary(); err == nil {
			t.Errorf("%s: stored", name)
		}
	}
}

func FuzzFeatures(f *testing.F) {
	for _, n := range []int{0, 1, 3} {
		b, err := someFeatures(n).MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-1])
	}
	long := make([]byte, 300) // a name as long as a byte can say
	long[0], long[1] = featuresVersion, 255
	f.Add(long)
	f.Fuzz(func(t *testing.T, b []byte) {
		var got Features
		if got.UnmarshalBinary(b) != nil {
			if got.Algo != "" || got.Points != nil {
				t.Fatal("damaged bytes changed the features")
			}
			return
		}
		again, err := got.MarshalBinary()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if !bytes.Equal(b, again) {
			t.Fatalf("read %x, wrote %x", b, again)
		}
	})
}
