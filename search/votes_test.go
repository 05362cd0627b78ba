package search

import (
	"testing"

	"pgregory.net/rapid"
)

func TestTallyScoresAsSlowly(t *testing.T) {
	meeting := rapid.Custom(func(t *rapid.T) Meeting {
		return Meeting{
			Query: rapid.Uint32Range(0, 9).Draw(t, "query"), Known: rapid.Uint32Range(0, 9).Draw(t, "known"),
			Turn: rapid.Byte().Draw(t, "turn"), Size: int8(rapid.IntRange(minSize, maxSize).Draw(t, "size")),
			Weight: Weight(rapid.IntRange(0, MaxDistance).Draw(t, "distance")) * Rarity(rapid.IntRange(1, 1<<20).Draw(t, "pictures")),
		}
	})
	var tally Tally // its memory is used again
	rapid.Check(t, func(t *rapid.T) {
		meetings := rapid.SliceOfN(meeting, 0, 40).Draw(t, "meetings")
		want := slowScore(meetings)
		if got := tally.Score(meetings); got != want {
			t.Errorf("score %d, want %d", got, want)
		}
	})
}

// Seen from the other side a meeting is as heavy, and lies the other way round.
func TestMeetingHasTwoSides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := Point{Angle: rapid.Byte().Draw(t, "angle"), Level: rapid.ByteRange(0, 12).Draw(t, "level")}
		k := Point{Angle: rapid.Byte().Draw(t, "known angle"), Level: rapid.ByteRange(0, 12).Draw(t, "known level")}
		for range rapid.IntRange(0, 60).Draw(t, "flips") {
			i := rapid.IntRange(0, 255).Draw(t, "bit")
			k.Desc[i/8] ^= 1 << (i % 8)
		}
		there, back := Meet(&q, &k), Meet(&k, &q)
		if there.Weight != back.Weight || there.Turn != -back.Turn || there.Size != -back.Size {
			t.Errorf("%+v, from the other side %+v", there, back)
		}
	})
}

func TestNearWordsAreThoseThatMeet(t *testing.T) {
	near := make(map[uint32]bool)
	for _, w := range NearWords(0x2a5a5) {
		near[w] = true
	}
	q := Point{Desc: [32]byte{0xa5, 0xa5, 2}}
	met := 0
	for w := range uint32(1 << WordBits) {
		k := Point{Desc: [32]byte{byte(w), byte(w >> 8), byte(w >> 16)}}
		if meet := Meet(&q, &k).Weight > 0; meet != near[w] {
			t.Errorf("word %x: met %v, near %v", w, meet, near[w])
		} else if meet {
			met++
		}
	}
	if met != WordBits+1 {
		t.Errorf("%d words meet one", met)
	}
}

func TestWeightsFallToNothing(t *testing.T) {
	for d := range 257 {
		if d > 0 && Weight(d) > Weight(d-1) {
			t.Errorf("%d bits apart weigh %d, %d bits %d", d-1, Weight(d-1), d, Weight(d))
		}
	}
	if Weight(0) != 64 || Weight(30) != 24 || Weight(MaxDistance) != 7 || Weight(MaxDistance+1) != 0 {
		t.Errorf("weights %d, %d, %d, %d", Weight(0), Weight(30), Weight(MaxDistance), Weight(MaxDistance+1))
	}
	for pictures, want := range map[int]uint16{0: 256, 1: 256, 2: 181, 3: 147, 4: 128, 100: 25, 1 << 16: 1, 1 << 30: 1} {
		if got := Rarity(pictures); got != want {
			t.Errorf("what %d pictures have counts %d, want %d", pictures, got, want)
		}
	}
}
