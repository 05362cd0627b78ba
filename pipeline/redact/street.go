package redact

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	// ending are the words that end the name of something finer than a county.
	ending = regexp.MustCompile(`街道|大道|公路|胡同|路|街|巷|弄|社区|小区|花园|新村|家园|公寓|大厦|广场|市场|商场|超市|天桥|立交桥|大桥|地铁站|火车站|汽车站|客运站|车站|医院|学校|小学|中学|大学|幼儿园|福利院|派出所|公园|酒店|宾馆|工业区|工业园|村|屯|镇|乡`)

	// unit is a number of a house or of something in it.
	unit  = regexp.MustCompile(`(第)?([甲乙丙附]?)([0-9]{1,5}|[一二三四五六七八九十百零〇]{1,5})((?:[\-‐-―~之/][0-9]{1,5})*)(号楼|号院|号门|号铺|号房|号|弄|栋|幢|单元|室|房|层|楼|门|户|组|队|巷)?`)
	block = regexp.MustCompile(`[A-Z]座(?:[0-9]{1,5}[室房]?)?`)

	englishStreet = regexp.MustCompile(`(?:(?:No\.? ?)?\d{1,5}[A-Za-z]?,? )?(?:[A-Z][\p{L}'\-.]* ){1,4}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Boulevard|Blvd|Alley|Highway|Hwy|Terrace|Crescent|Dadao|Hutong|Donglu|Xilu|Nanlu|Beilu|Zhonglu|Dajie|Xiang)\b\.?(?:,? ?(?:No\.? ?)?#?\d{1,5}[A-Za-z]?\b)?`)
	numberedPlace = regexp.MustCompile(`(?:No\.? ?)?\d{1,5}[A-Za-z]?,? (?:[A-Z][\p{L}'\-.]* ){1,4}(?:Court|Ct|Way|Place|Pl|Square|Sq|Close|Dr|Lu|Jie)\b\.?`)
	pinyinNumber  = regexp.MustCompile(`(?:[A-Z][\p{L}'\-]* ){1,3}(?:Lu|Jie|Dr|St|Ct|Way|Place|Square|Court),? (?:No\.? ?)?#?\d{1,5}[A-Za-z]?\b`)
	englishUnit   = regexp.MustCompile(`(?i)\b(?:apt|apartment|flat|unit|room|rm|suite|house|building|bldg|block|floor)\b\.? ?(?:no\.? ?|number )?#?(\d{1,5}[a-z]?|[a-z]-?\d{0,4})\b`)
)

const (
	// before a name: words that stand in front of a place and rarely in one.
	stops = "在从到往住的是和与被去至位于我你他她它们这那某个每说看见了过就都也还给让把跟或及沿离有找读念省市区县旗盟，。、；：！？"
	// numbers that count are followed by these.
	counts = "年月日天岁米个人次点分元块公里斤号"
)

// streets are what is finer than a county: names with their endings, the
// numbers after them, and numbers that say by themselves what they number.
func streets(text string) []span {
	var spans []span
	for at := 0; ; {
		m := ending.FindStringIndex(text[at:])
		if m == nil {
			break
		}
		from, to := at+m[0], at+m[1]
		at = to
		if n := nameBefore(text[:from]); named(text, from-n, from, to) {
			spans = append(spans, span{from - n, to})
		}
	}
	// A number belongs to what ends right before it, as in 人民路12号3栋.
	follows := func(from int) bool {
		before := strings.TrimRight(text[:from], " ,，东西南北")
		return slices.ContainsFunc(spans, func(p span) bool { return p.to >= len(before) && p.to <= from })
	}
	for _, m := range unit.FindAllStringSubmatchIndex(text, -1) {
		if m[2] < 0 && houseNumber(text, m, follows(m[0])) {
			spans = append(spans, span{m[0], m[1]})
		}
	}
	spans = append(spans, find(text, []shape{
		{block, 0, nil},
		{englishStreet, 0, func(text string, m []int) bool { return !plainEnglish(text[m[0]:m[1]]) }},
		{numberedPlace, 0, nil},
		{pinyinNumber, 0, nil},
		{englishUnit, 1, func(text string, m []int) bool {
			// "House A" is one, "a house in" is not.
			s := text[m[2]:m[3]]
			return len(digitsOf(s)) > 0 || s == strings.ToUpper(s) && s != "I" && s != "A"
		}},
	})...)
	return spans
}

// nameBefore is the length in bytes of the name that ends at the end of s: up
// to five Chinese characters.
func nameBefore(s string) int {
	n := 0
	for range 5 {
		r, size := utf8.DecodeLastRuneInString(s[:len(s)-n])
		if !unicode.Is(unicode.Han, r) || strings.ContainsRune(stops, r) {
			break
		}
		n += size
	}
	return n
}

// named tells 人民路 from 马路 and 迷路, 新乡市 from 某乡.
func named(text string, from, mid, to int) bool {
	name, end, after := text[from:mid], text[mid:to], text[to:]
	if name == "" || hasAnyPrefix(after, "市", "区", "县", "自治", "地区", "州") {
		return false
	}
	ends := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.HasSuffix(name, w) })
	}
	switch end {
	case "路":
		if hasAnyPrefix(after, "上", "途", "程") && ends("家", "学", "班", "校", "城", "半") {
			return false
		}
		return !ends("马", "铁", "公", "道", "网", "思", "走", "迷", "问", "赶", "带", "让", "顺", "回", "半", "出", "活", "套", "拦", "领", "引", "小", "一条", "几条", "两条", "老", "弯", "死", "绝", "认") && name != "一" && name != "大" && !hasAnyPrefix(after, "费", "灯", "线", "由")
	case "街", "巷", "弄", "胡同", "大道":
		return !ends("一条", "几条", "两条", "整条", "上", "逛", "沿", "满") && name != "条" && name != "大" && name != "小"
	case "村", "屯", "镇", "乡":
		return !ends("农", "山", "全", "本", "同", "小", "城", "家", "老", "故", "异", "下", "乡", "他")
	}
	return !ends("当地", "附近", "送", "家", "所", "各", "该", "本", "上", "大", "小", "儿童")
}

// houseNumber tells a house from a day, a line, an order. m is a match of
// unit; follows says that a street ends right before it.
func houseNumber(text string, m []int, follows bool) bool {
	number, after := text[m[6]:m[7]], text[m[1]:]
	kind := ""
	if m[10] >= 0 {
		kind = text[m[10]:m[11]]
	}
	value, err := strconv.Atoi(number)
	arabic := err == nil
	if digitAt(text, m[0]-1) || kind == "" && digitAt(text, m[1]) {
		return false
	}
	switch kind {
	case "":
		r, _ := utf8.DecodeRuneInString(after)
		return follows && arabic && !strings.ContainsRune(counts+"-/.:", r) && !startsWord(after)
	case "号楼", "号院", "号门", "号铺", "号房", "栋", "幢", "单元", "弄":
		return true
	case "号":
		if follows {
			return !strings.HasPrefix(after, "线")
		}
		if hasAnyPrefix(after, "线", "出口", "公告", "文", "令", "床", "选手", "照片", "图", "案") || labelled(text[:m[0]]) ||
			strings.HasSuffix(text[:m[0]], "〕") || strings.HasSuffix(text[:m[0]], "字") {
			return false
		}
		return arabic && value > 31 || strings.HasSuffix(text[:m[0]], "门牌") || m[4] < m[5]
	case "室", "房":
		return follows || arabic && value >= 100
	}
	return follows
}

// plainEnglish refuses sentences that merely hold a capital before the word.
func plainEnglish(s string) bool {
	first, _, _ := strings.Cut(s, " ")
	switch first {
	case "The", "This", "That", "A", "By", "On", "In", "At", "Each", "Every", "Our", "My", "His", "Her", "No":
		return strings.Count(s, " ") == 1
	}
	return false
}
