package redact

import (
	"regexp"
	"slices"
	"strings"
)

// A Level is how fine a place may be shown.
type Level int

// Levels from the coarsest.
const (
	Province Level = iota
	Prefecture
	County
)

// Place cuts a written place at a level: 广东省广州市天河区岗顶天桥 is
// 广东省广州市天河区 at County. It knows the provinces by name and the rest by
// their endings, and gives the part that it is sure of, "" when there is none:
// of 广州天河 it knows nothing, and of 广东天河岗顶 the province. A city of
// county rank written right after its province counts as a prefecture.
// English places are read from their last comma backwards.
func Place(s string, level Level) string {
	s = strings.Join(strings.Fields(fold(Text(s, View{ShowContacts: true, ShowStreet: true}), false).text), " ")
	if strings.Contains(s, Mask) {
		s, _, _ = strings.Cut(s, Mask)
	}
	if strings.ContainsFunc(s, han) {
		return chinesePlace(s, level)
	}
	return englishPlace(s, level)
}

func han(r rune) bool { return r >= 0x4e00 && r <= 0x9fff }

// provinces are the 34 by their short names, with what may follow in the full one.
var provinces = regexp.MustCompile(`^(?:(?:北京|天津|上海|重庆)市?|(?:河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|青海|台湾)省?|内蒙古(?:自治区)?|广西(?:壮族自治区)?|西藏(?:自治区)?|宁夏(?:回族自治区)?|新疆(?:维吾尔自治区)?|(?:香港|澳门)(?:特别行政区)?)`)

var (
	municipality = regexp.MustCompile(`^(?:北京|天津|上海|重庆|香港|澳门)`)
	prefecture   = regexp.MustCompile(`^(?:\p{Han}{2,9}?自治州|\p{Han}{2,4}?(?:市|地区|盟))`)
	county       = regexp.MustCompile(`^(?:\p{Han}{2,14}?自治[县旗]|\p{Han}{1,5}?(?:旗区|市区|市市|区|县|市|旗))`)
	// noCounty end in a county's ending and are finer, or no place at all.
	noCounty = regexp.MustCompile(`(?:小|社|工业|景|校|园|街|住宅|别墅|生活|开发|保税|厂|库|片|地|灾|疫|军|战|时)区$|^[山市县]区$|(?:夜|菜|集|超|闹|花|鱼)市$`)
	notCity  = regexp.MustCompile(`^[场民政内集立属委容长面价郊中]`)
)

func chinesePlace(s string, level Level) string {
	rest := strings.TrimPrefix(s, "中国")
	rest = strings.TrimLeft(rest, " ,、")
	head := ""
	take := func(n int) {
		head += rest[:n]
		rest = strings.TrimLeft(rest[n:], " ,、·-/")
	}
	if n := len(provinces.FindString(rest)); n > 0 {
		take(n)
	}
	if level == Province {
		return head
	}
	municipal := municipality.MatchString(head) // no prefectures or cities below it
	if !municipal {
		if m := prefecture.FindString(rest); m != "" && sure(m, rest) {
			take(len(m))
		}
	}
	if level == Prefecture {
		return head
	}
	if m := county.FindString(rest); m != "" && sure(m, rest) && (!municipal || !strings.HasSuffix(m, "市")) {
		take(len(m))
	}
	return head
}

// sure refuses what only ends like a city, a county or a district.
func sure(m, rest string) bool {
	if noCounty.MatchString(m) || strings.ContainsAny(m, "在的是我你他她有到往与") {
		return false
	}
	return !strings.HasSuffix(m, "市") || !notCity.MatchString(rest[len(m):])
}

var (
	englishProvince = regexp.MustCompile(`(?i)^(?:beijing|tianjin|shanghai|chongqing|hebei|shanxi|liaoning|jilin|heilongjiang|jiangsu|zhejiang|anhui|fujian|jiangxi|shandong|henan|hubei|hunan|guangdong|hainan|sichuan|guizhou|yunnan|shaanxi|gansu|qinghai|taiwan|inner mongolia|guangxi|tibet|xizang|ningxia|xinjiang|hong kong|macau|macao)(?: province| municipality| autonomous region)?$`)
	englishCounty   = regexp.MustCompile(`^[A-Z][A-Za-z' \-]{1,40} (?:District|County|Banner)$`)
	englishCity     = regexp.MustCompile(`^[A-Z][A-Za-z' \-]{1,40} (?:City|Prefecture)$`)
	englishName     = regexp.MustCompile(`^[A-Z][a-z']{2,20}(?: [A-Z][a-z']{2,20})?$`)
)

// englishPlace keeps the parts right of what is too fine. A name without a
// word for its rank is taken for a city only between a district and a province.
func englishPlace(s string, level Level) string {
	var parts []string
	for part := range strings.SplitSeq(s, ",") {
		parts = append(parts, strings.TrimSpace(part))
	}
	from := len(parts)
	if from > 0 && strings.EqualFold(parts[from-1], "China") {
		from--
	}
	last := from
	if from > 0 && englishProvince.MatchString(parts[from-1]) {
		from--
	}
	known := from < last
	if level >= Prefecture && from > 0 {
		between := known && from > 1 && englishCounty.MatchString(parts[from-2]) && englishName.MatchString(parts[from-1])
		if between || englishCity.MatchString(parts[from-1]) {
			from--
		}
	}
	if level >= County && from > 0 && englishCounty.MatchString(parts[from-1]) {
		from--
	}
	if from == last {
		return ""
	}
	return strings.Join(slices.Clone(parts[from:]), ", ")
}
