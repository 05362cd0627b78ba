package search

import (
	"fmt"
	"strconv"
	"strings"
)

// Explain says in words what q accepts, in Chinese if lang begins with zh and in English
// otherwise; d names the divisions. It repeats what was typed: not for logs.
func Explain(q Query, lang string, d Divisions) string {
	e := explainer{divisions: d}
	if chinese(lang) {
		e.lang = 1
	}
	return e.say(q)
}

type explainer struct {
	lang      int // 0 English, 1 Chinese
	divisions Divisions
}

// phrases of an explanation; {0} and {1} are what they are about.
var phrases = map[string][2]string{
	"all":     {"everything", "全部"},
	"nothing": {"nothing", "无"},
	"and":     {" and ", "，且"},
	"or":      {" or ", "，或"},
	"group":   {"({0})", "（{0}）"},
	"not":     {"not ", "不是："},
	"text":    {"the words “{0}”", "含“{0}”"},
	"place":   {"the words “{0}” in the place (no division of that name)", "地点文字含“{0}”（没有这个名称的行政区划）"},
	"within":  {"in {0}", "在{0}"},
	"near":    {"within {1} km of {0}", "距{0} {1} 公里以内"},
	"age":     {"perhaps aged {0}", "年龄可能为 {0}"},
	"born":    {"perhaps born {0}", "可能生于 {0}"},
	"date":    {"perhaps of {0}", "时间可能为 {0}"},
	"posted":  {"written {0}", "发布于 {0}"},
	"m":       {"a boy", "男孩"},
	"f":       {"a girl", "女孩"},
	"source":  {"from “{0}”", "来源“{0}”"},
	"status":  {"of status “{0}”", "状态“{0}”"},
	"post":    {"posts", "帖子"},
	"report":  {"reports", "登记"},
	"notice":  {"notices", "公告"},
	"photo":   {"with a photo", "有照片"},
	"years":   {"{0} years", "{0} 岁"},
	"months":  {"{0} months", "{0} 个月"},
	"to":      {"{0} to {1}", "{0} 至 {1}"},
	"from":    {"{0} and more", "{0} 以上"},
	"upto":    {"up to {0}", "{0} 以下"},
	"since":   {"{0} or later", "{0} 以后"},
	"until":   {"{0} or earlier", "{0} 以前"},
	"list":    {" or ", "或"},
}

func (e explainer) text(key string, args ...string) string {
	s := phrases[key][e.lang]
	pairs := make([]string, 0, 4)
	for i, a := range args {
		pairs = append(pairs, fmt.Sprintf("{%d}", i), a)
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

func (e explainer) say(q Query) string {
	switch q := q.(type) {
	case nil:
		return e.text("all")
	case And:
		return e.join(q, "and", "all")
	case Or:
		return e.join(q, "or", "nothing")
	case Not:
		return e.text("not") + e.part(q.Query)
	case Text:
		return e.text("text", string(q))
	case Place:
		return e.text("place", string(q))
	case Within:
		return e.text("within", e.names(q.Codes))
	case Near:
		return e.text("near", e.names(q.Around), strconv.Itoa(q.Km))
	case Age:
		return e.text("age", e.age(q))
	case Born:
		return e.text("born", e.dates(q.String()))
	case Date:
		return e.text("date", e.dates(q.String()))
	case Posted:
		return e.text("posted", e.dates(q.String()))
	case Sex:
		return e.text(string(q))
	case Source:
		return e.text("source", string(q))
	case Status:
		return e.text("status", string(q))
	case Kind:
		return e.text(string(q))
	case HasPhoto:
		return e.text("photo")
	}
	panic(fmt.Sprintf("search: query of type %T", q))
}

func (e explainer) join(parts []Query, word, none string) string {
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = e.part(p)
	}
	if len(texts) == 0 {
		return e.text(none)
	}
	return strings.Join(texts, e.text(word))
}

// part is q in brackets where it has parts of its own.
func (e explainer) part(q Query) string {
	switch q.(type) {
	case And, Or:
		return e.text("group", e.say(q))
	}
	return e.say(q)
}

// mostNames is how many divisions are named.
const mostNames = 5

func (e explainer) names(codes []string) string {
	var names []string
	for _, code := range codes[:min(len(codes), mostNames)] {
		full := code
		if e.divisions != nil {
			if found := e.divisions.Lookup(code); len(found) > 0 {
				full = found[0].Full([]string{"en", "zh"}[e.lang])
			}
		}
		names = append(names, full)
	}
	text := strings.Join(names, e.text("list"))
	if len(codes) > mostNames {
		text += " …"
	}
	return text
}

func (e explainer) age(q Age) string {
	unit, size := "months", 1
	if q.From%12 == 0 && q.To%12 == 0 {
		unit, size = "years", 12
	}
	from, to := strconv.Itoa(q.From/size), strconv.Itoa(q.To/size-1)
	switch {
	case q.To == 0:
		return e.text("from", e.text(unit, from))
	case q.To-q.From == size:
		return e.text(unit, from)
	case q.From == 0:
		return e.text("upto", e.text(unit, to))
	}
	return e.text(unit, e.text("to", from, to))
}

// dates reads the form of a field.
func (e explainer) dates(s string) string {
	_, s, _ = strings.Cut(s, ":")
	from, to, isRange := strings.Cut(s, "..")
	switch {
	case !isRange:
		return s
	case from == "":
		return e.text("until", to)
	case to == "":
		return e.text("since", from)
	}
	return e.text("to", from, to)
}
