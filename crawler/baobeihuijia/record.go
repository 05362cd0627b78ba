package baobeihuijia

import (
	"slices"
	"strings"

	"xunqin/crawler"
	"xunqin/crawler/listing"
)

// labels are the fields of a case as its page names them, each with the name
// that stands for it here. Those without a name are not read: a volunteer's is
// nobody's business, and an empty field would only be noise.
var labels = map[string]string{
	"寻亲类别": category, "类别": category,
	"失踪类型": manner,
	"寻亲编号": number, "宝贝回家编号": number, "编号": number,
	"姓名": name, "失踪人姓名": name,
	"性别":   sex,
	"出生日期": birth, "出生时间": birth,
	"失踪时身高": height,
	"失踪时间":  lost, "失踪日期": lost,
	"失踪人所在地": home, "失踪者所在地": home,
	"失踪地点":    place,
	"寻亲者特征描述": features, "失踪者特征描述": features, "特征描述": features,
	"其他资料": other,
	"采血情况": blood,
	"报案情况": police,
	"注册时间": filed, "登记时间": filed, "发布时间": filed,
	"跟进志愿者": "", "志愿者": "",
}

// the names, which are also the labels under which a post's text holds them
const (
	category = "寻亲类别"
	manner   = "失踪类型"
	number   = "寻亲编号"
	name     = "姓名"
	sex      = "性别"
	birth    = "出生日期"
	height   = "失踪时身高"
	lost     = "失踪时间"
	home     = "失踪人所在地"
	place    = "失踪地点"
	features = "特征描述"
	other    = "其他资料"
	blood    = "采血情况"
	police   = "报案情况"
	filed    = "注册时间"
)

// told is the order in which a post's text tells what a case holds. Dates stay
// as written: many a report knows a year only, or a lunar month.
var told = []string{category, manner, number, name, sex, birth, height, lost, home, place, features, other, blood, police}

// least is how many known labels make a case: a page with fewer is another.
const least = 3

// fields are the values of a case by name.
type fields map[string]string

// put enters a value under a label as written ("姓　名："), and reports whether
// the label is known. The first value of a field stays.
func (f fields) put(label, value string) bool {
	label = strings.Join(strings.Fields(strings.TrimRight(label, "：: ")), "")
	name, known := labels[label]
	if !known {
		return false
	}
	value = strings.TrimSpace(value)
	if name != "" && value != "" && f[name] == "" {
		f[name] = value
	}
	return true
}

// line enters a line of the form "label：value".
func (f fields) line(s string) bool {
	i := strings.IndexAny(s, "：:")
	if i < 0 {
		return false
	}
	return f.put(s[:i], strings.TrimLeft(s[i:], "：: "))
}

func (f fields) text() string {
	var lines []string
	for _, name := range told {
		if v := f[name]; v != "" {
			lines = append(lines, name+"："+v)
		}
	}
	text := strings.Join(lines, "\n")
	const most = 64 << 10
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}

// kinds are the categories by the words and by the numbers that addresses hold.
// unwanted ones are of the dead.
const unwanted = "unwanted"

var kinds = map[string]string{
	"家寻宝贝": crawler.KindReport, "1": crawler.KindReport,
	"宝贝寻家": crawler.KindNotice, "2": crawler.KindNotice,
	"流浪乞讨": crawler.KindPost, "3": crawler.KindPost,
	"其他寻人": crawler.KindReport, "4": crawler.KindReport,
	"海外寻亲": crawler.KindNotice, "5": crawler.KindNotice,
	"烈士寻根": unwanted, "6": unwanted,
}

// kindOf is what a case is by the first of the words that is a category.
func (r registry) kindOf(words ...string) string {
	for _, w := range words {
		if k, ok := kinds[strings.TrimSpace(w)]; ok {
			return k
		}
	}
	return r.kind
}

// post makes a post of a case. listed is the day its list shows.
func (r registry) postOf(id, address string, f fields, listed, now string) (crawler.Post, []string) {
	post := crawler.Post{NativeID: id, URL: address, Text: f.text(), Place: f[place], RawAt: f[filed], Kind: r.kindOf(f[category])}
	if post.Place == "" {
		post.Place = f[home]
	}
	var warnings []string
	if post.RawAt == "" {
		post.RawAt = listed
	}
	post.At, post.Precision = listing.Date(post.RawAt, now, r.zone)
	if post.At.IsZero() && listed != "" {
		post.RawAt = listed
		post.At, post.Precision = listing.Date(listed, now, r.zone)
	}
	if post.At.IsZero() {
		warnings = append(warnings, "case "+id+": no date of filing that can be read")
	}
	if n := f[number]; n != "" && n != id {
		warnings = append(warnings, "case "+id+": its page gives another number")
	}
	for _, c := range []string{f[category], f[manner]} {
		if c != "" && !slices.Contains(post.Tags, c) {
			post.Tags = append(post.Tags, c)
		}
	}
	return post, warnings
}
