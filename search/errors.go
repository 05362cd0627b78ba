package search

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Code says what is wrong with a query.
type Code string

// What can be wrong with a query, and the Args that come with it.
const (
	TooLong        Code = "too-long"         // limit in characters
	TooDeep        Code = "too-deep"         // limit of groups and minuses inside each other
	TooManyTerms   Code = "too-many-terms"   // limit
	QuoteNotClosed Code = "quote-not-closed" // Offset is the opening mark
	NotClosed      Code = "not-closed"       // Offset is the opening bracket
	NotOpened      Code = "not-opened"       // Offset is the closing bracket
	GroupEmpty     Code = "group-empty"
	OrLeft         Code = "or-left"         // nothing before "or"
	OrRight        Code = "or-right"        // nothing after "or"
	NothingToFind  Code = "nothing-to-find" // nothing but punctuation
	FieldUnknown   Code = "field-unknown"   // name as typed
	ValueMissing   Code = "value-missing"   // field
	ValueUnknown   Code = "value-unknown"   // field, value as typed
	ValueGlued     Code = "value-glued"     // field, value and what follows it without a space; Offset is where one belongs
	Unprintable    Code = "unprintable"     // the character's number
	DateBad        Code = "date-bad"        // date as typed
	DateReversed   Code = "date-reversed"   // first and last date as typed
	AgeBad         Code = "age-bad"         // age as typed
	AgeReversed    Code = "age-reversed"    // lowest and highest age as typed
	PlaceUnknown   Code = "place-unknown"   // name as typed, of no division
	DistanceBad    Code = "distance-bad"    // limit in kilometres
)

// A ParseError is a query that cannot be read.
type ParseError struct {
	Offset int // where, in characters from the beginning
	Code   Code
	Args   []string
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("query: character %d: %s", e.Offset+1, e.Message("en"))
}

// Message says what is wrong and what would be right, in Chinese if lang begins
// with zh and in English otherwise. It may repeat what was typed: not for logs.
func (e *ParseError) Message(lang string) string {
	text, i := messages[e.Code], 0
	if chinese(lang) {
		i = 1
	}
	args, meant := slices.Clone(e.Args), ""
	switch e.Code {
	case FieldUnknown:
		meant = nearest(args[0], fields)
		if s, ok := synonyms[fold(args[0])]; ok {
			meant = fieldName(s, i)
		}
		args = append(args, known(fields, i))
	case ValueGlued:
		args[0] = fieldName(args[0], i)
	case ValueMissing:
		args[0] = fieldName(args[0], i)
	case ValueUnknown:
		meant = nearest(args[1], values[args[0]])
		args = append(args, known(values[args[0]], i))
		args[0] = fieldName(args[0], i)
	}
	pairs := make([]string, 0, 6)
	for n, a := range args {
		pairs = append(pairs, fmt.Sprintf("{%d}", n), a)
	}
	said := strings.NewReplacer(pairs...).Replace(text[i])
	if meant != "" {
		said += strings.ReplaceAll([]string{" Did you mean “{0}”?", "您是要写“{0}”吗？"}[i], "{0}", meant)
	}
	return said
}

// synonyms are other words for fields that people try first.
var synonyms = map[string]string{
	"location": "place", "city": "place", "province": "place", "地区": "place", "地址": "place", "位置": "place",
	"time": "date", "when": "date", "时间": "date", "gender": "sex", "type": "kind", "site": "source", "网站": "source",
	"birthday": "born", "生日": "born", "distance": "near", "岁": "age", "岁数": "age",
}

// nearest is the name that s was probably meant to be: it differs by one character, or by two in a long word; "" where none does.
func nearest[V any](s string, names map[string]V) (best string) {
	typed := []rune(fold(s))
	least := 2
	if len(typed) > 5 {
		least = 3
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		n := []rune(name)
		if d := edits(typed, n); d < least && d < len(n) {
			best, least = name, d
		}
	}
	return best
}

// edits counts the characters that are wrong, missing, too many or exchanged with the next.
func edits(a, b []rune) int {
	if len(a) > 50 {
		return len(a)
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			if i == 0 || j == 0 {
				rows[i][j] = i + j
				continue
			}
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

var messages = map[Code][2]string{
	TooLong:        {"The query is too long; {0} characters are the limit.", "查询太长，最多 {0} 个字符。"},
	TooDeep:        {"Too many groups inside each other; {0} are the limit.", "括号或减号嵌套太深，最多 {0} 层。"},
	TooManyTerms:   {"Too many words; {0} are the limit.", "检索词太多，最多 {0} 个。"},
	QuoteNotClosed: {"This quotation mark has no partner.", "这个引号没有配对。"},
	NotClosed:      {"This bracket is not closed.", "这个括号没有右括号。"},
	NotOpened:      {"This closing bracket has no opening one.", "这个右括号没有对应的左括号。"},
	GroupEmpty:     {"There is nothing between these brackets.", "括号里没有内容。"},
	OrLeft:         {"Before “or” a word is missing.", "“或”的前面缺少检索词。"},
	OrRight:        {"After “or” a word is missing.", "“或”的后面缺少检索词。"},
	NothingToFind:  {"There is nothing to look for: a word needs a letter, a digit or a symbol.", "没有可检索的内容：至少要有一个文字、字母、数字或表情符号。"},
	FieldUnknown:   {"“{0}” is not a field. Fields are: {1}. To look for the words, put them in quotation marks.", "没有“{0}”这个字段。可用的字段：{1}。若要查找文字本身，请加引号。"},
	ValueMissing:   {"After “{0}:” a value is missing.", "“{0}：”后面缺少内容。"},
	ValueUnknown:   {"“{0}:” cannot be “{1}”. It can be: {2}.", "“{0}：”不能是“{1}”。可以是：{2}。"},
	ValueGlued:     {"Is it “{0}:{1}”? Then put a space before “{2}”.", "是“{0}：{1}”吗？请在“{2}”前面加一个空格。"},
	Unprintable:    {"Here is a character that cannot be seen ({0}). Delete it.", "这里有一个看不见的控制字符（{0}），请删去。"},
	DateBad:        {"“{0}” is not a date. Write 2011, 2011-01, 2011-01-25 or 2011-01-25..2011-02-10; either end may be left out.", "“{0}”不是日期。可写 2011、2011-01、2011-01-25 或 2011-01-25..2011-02-10，起止可省略其一。"},
	AgeBad:         {"“{0}” is not an age. Write 3, 3..6, 3.. or ..6 for years lived, 6m or 6m..18m for months; 149 years are the limit.", "“{0}”不是年龄。周岁可写 3、3..6、3.. 或 ..6，月龄可写 6个月 或 6..18个月，最大 149 岁。"},
	AgeReversed:    {"The lowest age, {0}, is above the highest, {1}.", "最小年龄 {0} 大于最大年龄 {1}。"},
	PlaceUnknown:   {"“{0}” is no province, prefecture or county that is known here. Write it in Chinese, in pinyin or as its code, and a distance: near:Guangzhou,50km.", "没有找到“{0}”这个省、市、县。可写中文名、拼音或行政区划代码，再加距离：附近:广州,50公里。"},
	DistanceBad:    {"A distance is a whole number of kilometres from 1 to {0}.", "距离应为 1 到 {0} 的整数公里。"},
	DateReversed:   {"The first date, {0}, is after the last, {1}.", "起始日期 {0} 晚于结束日期 {1}。"},
}

func chinese(lang string) bool { return strings.HasPrefix(strings.ToLower(lang), "zh") }

// known lists names of one language, 0 for English and 1 for Chinese.
func known[V any](names map[string]V, lang int) string {
	var list []string
	for name := range names {
		if ascii(name) == (lang == 0) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return strings.Join(list, []string{", ", "、"}[lang])
}

func fieldName(field string, lang int) string {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if fields[name] == field && ascii(name) == (lang == 0) {
			return name
		}
	}
	return field
}
