package search

import (
	"slices"
	"strings"
)

// atlas is a country of some divisions, of which two share a name.
type atlas []Division

func country() atlas {
	fujian := Division{Code: "350000", Name: "福建省", English: "Fujian Province"}
	quanzhou := Division{Code: "350500", Name: "泉州市", English: "Quanzhou City", Around: []Division{fujian}}
	beijing := Division{Code: "110000", Name: "北京市", English: "Beijing"}
	liaoning := Division{Code: "210000", Name: "辽宁省", English: "Liaoning Province"}
	return atlas{
		beijing, liaoning, fujian,
		{Code: "211300", Name: "朝阳市", English: "Chaoyang City", Around: []Division{liaoning}},
		quanzhou,
		{Code: "110105", Name: "朝阳区", English: "Chaoyang District", Around: []Division{beijing}},
		{Code: "350503", Name: "丰泽区", English: "Fengze District", Around: []Division{fujian, quanzhou}},
		{Code: "350582", Name: "晋江市", English: "Jinjiang City", Around: []Division{fujian, quanzhou}},
	}
}

func (a atlas) Lookup(name string) (found []Division) {
	for _, d := range a {
		short := strings.TrimRight(d.Name, "省市区")
		pinyin, _, _ := strings.Cut(strings.ToLower(d.English), " ")
		if slices.Contains([]string{d.Code, d.Name, short, d.Full("zh"), pinyin, strings.ToLower(d.English)}, name) {
			found = append(found, d)
		}
	}
	return found
}

// Near are the divisions with the same first digits.
func (a atlas) Near(code string, km int) (codes []string) {
	for _, d := range a {
		if d.Code[:2] == code[:2] && (km > 20 || d.Code[:4] == code[:4]) {
			codes = append(codes, d.Code)
		}
	}
	return codes
}

func (a atlas) Begin(prefix string, most int) (found []Division) {
	for _, d := range a {
		if len(found) < most && (strings.HasPrefix(d.Name, prefix) || strings.HasPrefix(strings.ToLower(d.English), prefix)) {
			found = append(found, d)
		}
	}
	return found
}
