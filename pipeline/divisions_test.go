package pipeline_test

import (
	"slices"
	"strings"
	"testing"

	"xunqin/pipeline"
	"xunqin/pipeline/facts"
	"xunqin/search"
)

func TestPlaceOfAQueryIsADivision(t *testing.T) {
	for name, want := range map[string]string{
		"泉州":               "350500",
		"福建省泉州市":           "350500",
		"福建泉州":             "350500",
		"福建 泉州":            "350500",
		"quanzhou":         "350500 450324", // 全州县 sounds the same
		"quanzhou, fujian": "350500",
		"quanzhou city":    "350500",
		"fengze district, quanzhou city, fujian province": "350503",
		"承德":        "130800", // not all of the province, into which a county of the name went
		"廣州":        "440100",
		"440100":    "440100",
		"宣武区":       "110102", // which took it up
		"北京市朝阳区":    "110105",
		"广东省广州市天河区": "440106",
		"泉洲":        "",
		"泉州天河":      "",
		"福建泉州湾":     "",
		"":          "",
	} {
		var got []string
		for _, d := range (pipeline.Divisions{}).Lookup(name) {
			got = append(got, d.Code)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s is %v, want %s", name, got, want)
		}
	}
	if n := len((pipeline.Divisions{}).Lookup("鼓楼区")); n < 4 {
		t.Errorf("there are %d divisions of the name 鼓楼区", n)
	}
}

func TestEveryDivisionIsFoundByCodeAndFullName(t *testing.T) {
	for _, d := range facts.All() {
		if !d.Current() || d.Code == "620201" { // a city without counties is its own
			continue
		}
		found := pipeline.Divisions{}.Lookup(d.Code)
		if len(found) != 1 || found[0].Code != d.Code {
			t.Fatalf("%s is %v", d.Code, found)
		}
		name := found[0].Full("zh")
		if same := (pipeline.Divisions{}).Lookup(name); len(same) != 1 || same[0].Code != d.Code {
			t.Errorf("%s of %s is %v", name, d.Code, same)
		}
	}
}

func TestPlacesNearAnother(t *testing.T) {
	near := pipeline.Divisions{}.Near("440100", 30)
	for code, want := range map[string]bool{"440100": true, "440106": true, "440600": true, "440300": false, "440000": false, "350500": false} {
		if slices.Contains(near, code) != want {
			t.Errorf("%s within 30 km of 440100: %v", code, !want)
		}
	}
	q, err := search.Parse("附近：广州，30公里", pipeline.Divisions{})
	if err != nil || len(q.(search.Near).Seats) != len(near) {
		t.Errorf("%v, %v", q, err)
	}
}

func TestNamesOfDivisionsAreCompleted(t *testing.T) {
	for prefix, want := range map[string]string{"泉": "泉州市", "quanz": "泉州市", "Fu jian": "福建省", "3505": "泉州市"} {
		found := pipeline.Divisions{}.Begin(prefix, 3)
		if len(found) == 0 || found[0].Name != want {
			t.Errorf("%s begins %v, want %s first", prefix, found, want)
		}
	}
	d := pipeline.Divisions{}.Begin("丰泽", 1)[0]
	if zh, en := d.Full("zh-CN"), d.Full("en"); zh != "福建省泉州市丰泽区" || en != "Fengze District, Quanzhou City, Fujian Province" {
		t.Errorf("%s, %s", zh, en)
	}
}
