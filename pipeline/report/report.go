// Package report reads reports of missing and found children as people hand
// them in, by form or as a table, and says of each what is wrong with it in
// the words of the person who wrote it. It stores nothing: [ReadCSV] gives
// drafts, [Draft.Check] looks at one, [WriteResult] answers a table line by line.
package report

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// A Category says who looks for whom.
type Category string

// The categories.
const (
	FamilySeeksChild Category = "family_seeks_child"
	ChildSeeksFamily Category = "child_seeks_family"
	Found            Category = "found"  // a child was found and nobody is known
	Notice           Category = "notice" // the published notice of an institution
)

// A Draft is one report as it was written. Fields that are empty were not given.
type Draft struct {
	Number       string // the writer's own, by which a later table finds this report again
	Category     Category
	Name         string
	OtherNames   []string
	Sex          string // "male" or "female"
	BirthText    string // as written
	Birth        Interval
	MissingText  string // as written
	Missing      Interval
	Place        string
	HeightCM     int // when last seen
	Features     string
	DNA          string // "sampled" or "not_sampled"
	ContactName  string
	ContactPhone string
	PhotoRefs    []string // addresses (http or https), or names of files handed in beside
	SourceName   string
	SourceURL    string
	Police       string
	Status       string // as written
}

// Codes of a Problem.
const (
	ProblemMissing   = "missing"   // a field that must be there is empty
	ProblemCategory  = "category"  // not one of the four
	ProblemSex       = "sex"       // neither male nor female
	ProblemDate      = "date"      // cannot be read
	ProblemAmbiguous = "ambiguous" // 8/12/2010 is two days
	ProblemLunar     = "lunar"     // a date of the lunar calendar, kept as text
	ProblemFuture    = "future"    // a date that has not come
	ProblemOrder     = "order"     // missing before born
	ProblemHeight    = "height"    // no height of a person in centimetres
	ProblemURL       = "url"       // no http or https address
	ProblemPhoto     = "photo"     // neither an address nor a plain file name
	ProblemNoPhoto   = "no_photo"  // without a photo nothing can be compared
	ProblemUnread    = "unread"    // a photo that could not be fetched or read; the report was taken without it
	ProblemDNA       = "dna"       // neither sampled nor not
	ProblemLong      = "long"      // a cell over the limit
	ProblemCells     = "cells"     // more cells than columns
	ProblemQuotes    = "quotes"    // quotation marks in the wrong place
	ProblemTwice     = "twice"     // the number stands on an earlier line
	ProblemColumn    = "column"    // a column that is not known and was left out
)

// A Problem is something a person should look at. A report with a problem
// that is not a warning is not taken.
type Problem struct {
	Code    string
	Field   string // the English column name
	Value   string // what was written, shortened
	Warning bool
}

// Message is the problem in "zh-CN" or, for any other lang, in English.
func (p Problem) Message(lang string) string {
	zh := lang == "zh-CN"
	field := p.Field
	if zh {
		field = chineseName(field)
	}
	pick := func(english, chinese string, args ...any) string {
		if zh {
			return fmt.Sprintf(chinese, args...)
		}
		return fmt.Sprintf(english, args...)
	}
	switch p.Code {
	case ProblemMissing:
		return pick("%s is empty", "没有填写%s", field)
	case ProblemCategory:
		return pick("category %q is not known; write family_seeks_child, child_seeks_family, found or notice", "寻亲类别“%s”无法识别，请写家寻宝贝、宝贝寻家、发现或公告", p.Value)
	case ProblemSex:
		return pick("sex %q is not known; write male or female", "性别“%s”无法识别，请写男或女", p.Value)
	case ProblemDate:
		return pick("%s %q cannot be read; write it as 2010-08-12, 2010-08 or 2010", "%s“%s”无法识别，请写成 2010-08-12、2010-08 或 2010", field, p.Value)
	case ProblemAmbiguous:
		return pick("%s %q can be two days; write it as 2010-08-12", "%s“%s”可能是两个日子，请写成 2010-08-12", field, p.Value)
	case ProblemLunar:
		return pick("%s %q is of the lunar calendar: kept as text, not compared", "%s“%s”是农历，已按文字保存，不参加比对", field, p.Value)
	case ProblemFuture:
		return pick("%s: the date is in the future, please look again", "%s：日期在将来，请再看一下", field)
	case ProblemOrder:
		return pick("missing before born, please look at both dates again", "失踪时间早于出生日期，请再看一下")
	case ProblemHeight:
		return pick("height %q is not a height in centimetres", "身高“%s”不是厘米数", p.Value)
	case ProblemURL:
		return pick("%s %q is not an http or https address", "%s“%s”不是 http 或 https 地址", field, p.Value)
	case ProblemPhoto:
		return pick("photo %q is neither an address nor a plain file name", "照片“%s”不是网址，也不是单纯的文件名", p.Value)
	case ProblemNoPhoto:
		return pick("there is no photo, so no pictures can be compared", "没有照片，无法比对图片")
	case ProblemUnread:
		return pick("photo %q could not be fetched or read; the report was taken without it", "照片“%s”无法取得或读取，登记已收下，但没有这张照片", p.Value)
	case ProblemDNA:
		return pick("dna_sampled %q is not known; write yes or no", "采血情况“%s”无法识别，请写已采血或未采血", p.Value)
	case ProblemLong:
		return pick("%s is too long", "%s过长", field)
	case ProblemCells:
		return pick("the line has more cells than there are columns", "这一行的格数多于列数")
	case ProblemQuotes:
		return pick("quotation marks stand in the wrong place", "引号位置不对")
	case ProblemTwice:
		return pick("number %q stands on an earlier line too", "编号“%s”在前面已出现过", p.Value)
	case ProblemColumn:
		return pick("column %q is not known and was left out", "不认识“%s”这一列，没有读入", p.Value)
	}
	return p.Code
}

// Refused reports that a problem among these keeps a report from being taken.
func Refused(problems []Problem) bool {
	for _, p := range problems {
		if !p.Warning {
			return true
		}
	}
	return false
}

// Check looks at a draft, from a table or a form, as of now. What a cell's
// text alone shows (a date that cannot be read) is for who reads the cell.
func (d Draft) Check(now time.Time) []Problem {
	var problems []Problem
	add := func(code, field, value string, warning bool) {
		problems = append(problems, Problem{code, field, brief(value), warning})
	}
	if d.Number == "" {
		add(ProblemMissing, "report_id", "", false)
	}
	switch d.Category {
	case FamilySeeksChild, ChildSeeksFamily, Found, Notice:
	case "":
		add(ProblemMissing, "category", "", false)
	default:
		add(ProblemCategory, "category", string(d.Category), false)
	}
	if d.Name == "" && d.Category == FamilySeeksChild {
		add(ProblemMissing, "full_name", "", true)
	}
	if d.Sex != "" && d.Sex != "male" && d.Sex != "female" {
		add(ProblemSex, "sex", d.Sex, false)
	}
	if d.DNA != "" && d.DNA != "sampled" && d.DNA != "not_sampled" {
		add(ProblemDNA, "dna_sampled", d.DNA, false)
	}
	// A day has begun somewhere 14 hours before it begins in Greenwich.
	today := now.Add(14 * time.Hour)
	if d.Birth.From.After(today) {
		add(ProblemFuture, "date_of_birth", d.BirthText, false)
	}
	if d.Missing.From.After(today) {
		add(ProblemFuture, "missing_date", d.MissingText, false)
	}
	if !d.Birth.IsZero() && !d.Missing.IsZero() && !d.Missing.To.After(d.Birth.From) {
		add(ProblemOrder, "missing_date", d.MissingText, false)
	}
	if d.HeightCM != 0 && (d.HeightCM < 20 || d.HeightCM > 250) {
		add(ProblemHeight, "height_cm", fmt.Sprint(d.HeightCM), false)
	}
	if d.SourceURL != "" && !webAddress(d.SourceURL) {
		add(ProblemURL, "source_url", d.SourceURL, false)
	}
	for _, ref := range d.PhotoRefs {
		if !webAddress(ref) && !fileName(ref) {
			add(ProblemPhoto, "photo_urls", ref, false)
		}
	}
	if len(d.PhotoRefs) == 0 {
		add(ProblemNoPhoto, "photo_urls", "", true)
	}
	return problems
}

func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil
}

// fileName accepts a name without any folder, which cannot lead elsewhere.
func fileName(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsAny(s, "\\/:\x00")
}

// brief shortens a value for a message.
func brief(s string) string {
	const most = 40
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
