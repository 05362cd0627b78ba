package redact

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFindSaysTheSameNumberHoweverItIsWritten(t *testing.T) {
	for _, tc := range []struct {
		text string
		want []Found
	}{
		{"广州天河，男孩，约5岁，昨天下午3点", nil},
		{"电话13800138000", []Found{{KindPhone, 6, 17, "13800138000"}}},
		{"+86 138-0013-8000", []Found{{KindPhone, 0, 17, "13800138000"}}},
		{"一三八零零一三八零零零", []Found{{KindPhone, 0, 33, "13800138000"}}},
		{"138\u200b00138000", []Found{{KindPhone, 0, 14, "13800138000"}}},
		{"I38OO138ooo", []Found{{KindPhone, 0, 11, "13800138000"}}},
		{"138\n00138000", []Found{{KindPhone, 0, 12, "13800138000"}}},
		{"one three eight zero zero one three eight zero zero zero", []Found{{KindPhone, 0, 56, "13800138000"}}},
		{"\xff13800138000", []Found{{KindPhone, 1, 12, "13800138000"}}},
		{"身份证440106200508121234", []Found{{KindID, 9, 27, "440106200508121234"}}},
		{"车牌粤A·12345", []Found{{KindPlate, 6, 17, "粤A12345"}}},
		{"微信号：lily_2010", []Found{{KindAccount, 12, 21, "LILY_2010"}}},
		{"ann@example.com", []Found{{KindMail, 0, 15, "ann@example.com"}}},
	} {
		if d := cmp.Diff(tc.want, Find(tc.text)); d != "" {
			t.Errorf("%q: want, got:\n%s", tc.text, d)
		}
	}
}

// Whatever of identities and contacts Text masks, Find has found.
func TestFindFindsWhatTextMasks(t *testing.T) {
	for _, path := range []string{"testdata/exam.tsv", "testdata/second.tsv"} {
		for _, q := range readExam(t, path) {
			masked := Text(q.text, View{ShowStreet: true}) != Text(q.text, View{ShowStreet: true, ShowContacts: true})
			if masked && len(Find(q.text)) == 0 {
				t.Errorf("nothing found in %q", q.text)
			}
		}
	}
}
