package report

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/unicode/norm"
)

// Limits bound what is read. A zero field takes its default.
type Limits struct {
	Bytes int64 // of the file, 20 MiB
	Rows  int   // of reports, 20,000
	Cell  int   // bytes of one cell as UTF-8, 16 KiB
}

// A Table is a file that was read.
type Table struct {
	Rows     []Row
	Warnings []Problem // of the file: columns that are not known
	Encoding string    // "UTF-8", "UTF-16" or "GB18030"
	Comma    rune
}

// A Row is one line of a table that holds anything.
type Row struct {
	Line     int // in the file, from 1, where the row begins
	Report   Draft
	Problems []Problem
}

// Codes of a FileError.
const (
	FileEmpty    = "empty"    // nothing in it
	FileLarge    = "large"    // over Limits.Bytes
	FileRows     = "rows"     // over Limits.Rows
	FileEncoding = "encoding" // no text that can be read
	FileHeader   = "header"   // no line with the column names that are needed
	FileQuotes   = "quotes"   // a quotation mark that is never closed
)

// A FileError says why a file was refused as a whole. Nothing of it was taken.
type FileError struct {
	Code  string
	Limit int64    // for FileLarge, FileRows
	Line  int      // for FileEncoding, FileQuotes
	Found []string // for FileHeader: the cells of the line that looks most like one
	Due   []string // for FileHeader: English names of the columns missing there
}

// Error is the English message.
func (e *FileError) Error() string { return e.Message("en") }

// Message says what to change, in "zh-CN" or, for any other lang, in English.
func (e *FileError) Message(lang string) string {
	zh := lang == "zh-CN"
	pick := func(english, chinese string, args ...any) string {
		if zh {
			return fmt.Sprintf(chinese, args...)
		}
		return fmt.Sprintf(english, args...)
	}
	switch e.Code {
	case FileEmpty:
		return pick("the file is empty", "文件是空的")
	case FileLarge:
		return pick("the file is larger than %d MiB", "文件大于 %d MiB", e.Limit>>20)
	case FileRows:
		return pick("the file has more than %d rows; part it", "文件超过 %d 行，请分成几份", e.Limit)
	case FileEncoding:
		return pick("line %d is neither UTF-8 nor GB18030; save the file as CSV UTF-8", "第 %d 行既不是 UTF-8 也不是 GB18030，请另存为“CSV UTF-8”", e.Line)
	case FileQuotes:
		return pick("a quotation mark opened on line %d is never closed", "第 %d 行的引号没有闭合", e.Line)
	case FileHeader:
		due, found := slices.Clone(e.Due), strings.Join(e.Found, ", ")
		if zh {
			for i, name := range due {
				due[i] = chineseName(name)
			}
			found = strings.Join(e.Found, "、")
		}
		if found == "" {
			found = pick("nothing", "无")
		}
		return pick("no line with the column names was found: due are %s; found %s", "没有找到列名：需要 %s；实际为 %s", strings.Join(due, pick(", ", "、")), found)
	}
	return e.Code
}

// A column by its names; the first of the English and of the Chinese is the
// one shown.
type column struct {
	english, chinese []string
	set              func(d *Draft, s string) (code string)
}

// columns are those of volunteers' tables, required ones first.
func columns() []column {
	text := func(field func(*Draft) *string) func(*Draft, string) string {
		return func(d *Draft, s string) string { *field(d) = s; return "" }
	}
	return []column{
		{[]string{"report_id", "id", "number"}, []string{"寻亲编号", "编号"}, text(func(d *Draft) *string { return &d.Number })},
		{[]string{"category", "type"}, []string{"寻亲类别", "类别"}, func(d *Draft, s string) string { d.Category = category(s); return "" }},
		{[]string{"full_name", "name"}, []string{"姓名", "名字"}, text(func(d *Draft) *string { return &d.Name })},
		{[]string{"alternate_names", "other_names"}, []string{"其他姓名", "曾用名", "别名"}, func(d *Draft, s string) string { d.OtherNames = list(s, ";；、\n"); return "" }},
		{[]string{"sex", "gender"}, []string{"性别"}, func(d *Draft, s string) string { d.Sex = sex(s); return "" }},
		{[]string{"date_of_birth", "birth_date"}, []string{"出生日期", "出生时间"}, func(d *Draft, s string) (code string) { d.BirthText = s; d.Birth, code = ParseDate(s); return code }},
		{[]string{"missing_date", "date_missing"}, []string{"失踪时间", "走失时间", "失踪日期", "走失日期"}, func(d *Draft, s string) (code string) {
			d.MissingText = s
			d.Missing, code = ParseDate(s)
			return code
		}},
		{[]string{"missing_place", "place"}, []string{"失踪地点", "走失地点"}, text(func(d *Draft) *string { return &d.Place })},
		{[]string{"height_cm", "height"}, []string{"失踪时身高", "身高"}, func(d *Draft, s string) (code string) { d.HeightCM, code = height(s); return code }},
		{[]string{"features", "description"}, []string{"寻亲者特征描述", "特征", "特征描述"}, text(func(d *Draft) *string { return &d.Features })},
		{[]string{"dna_sampled"}, []string{"采血情况"}, func(d *Draft, s string) string { d.DNA = dna(s); return "" }},
		{[]string{"contact_name"}, []string{"联系人"}, text(func(d *Draft) *string { return &d.ContactName })},
		{[]string{"contact_phone"}, []string{"联系电话", "电话"}, text(func(d *Draft) *string { return &d.ContactPhone })},
		{[]string{"photo_urls", "photo_url", "photos", "photo"}, []string{"照片", "图片"}, func(d *Draft, s string) string { d.PhotoRefs = list(s, ";；\n"); return "" }},
		{[]string{"source_name", "source"}, []string{"信息来源", "来源"}, text(func(d *Draft) *string { return &d.SourceName })},
		{[]string{"source_url"}, []string{"来源链接", "来源网址"}, text(func(d *Draft) *string { return &d.SourceURL })},
		{[]string{"police_unit"}, []string{"报案单位"}, text(func(d *Draft) *string { return &d.Police })},
		{[]string{"status"}, []string{"状态"}, text(func(d *Draft) *string { return &d.Status })},
	}
}

// required is how many of the first columns a table must have.
const required = 2

func chineseName(english string) string {
	for _, c := range columns() {
		if c.english[0] == english {
			return c.chinese[0]
		}
	}
	return english
}

// ReadCSV reads a table of reports: UTF-8, UTF-16 with a byte order mark, or
// GB18030; parted by comma, semicolon or tab; with Chinese or English column
// names, in any order, on one of the first 20 lines that hold anything. The
// whole file is held in memory while it is read.
//
// Cells are text: a formula is the text of a formula. Each row is checked as
// of now. The error is a *FileError or one of reading r.
func ReadCSV(r io.Reader, lim Limits, now time.Time) (Table, error) {
	if lim.Bytes <= 0 {
		lim.Bytes = 20 << 20
	}
	if lim.Rows <= 0 {
		lim.Rows = 20_000
	}
	if lim.Cell <= 0 {
		lim.Cell = 16 << 10
	}
	b, err := io.ReadAll(io.LimitReader(r, lim.Bytes+1))
	if err != nil {
		return Table{}, fmt.Errorf("read table: %w", err)
	}
	if int64(len(b)) > lim.Bytes {
		return Table{}, &FileError{Code: FileLarge, Limit: lim.Bytes}
	}
	text, encoding, err := decode(b)
	if err != nil {
		return Table{}, err
	}
	if strings.TrimSpace(text) == "" {
		return Table{}, &FileError{Code: FileEmpty}
	}
	if !strings.Contains(text, "\n") {
		text = strings.ReplaceAll(text, "\r", "\n")
	}
	t := Table{Encoding: encoding}
	head, comma, err := findHeader(text)
	if err != nil {
		return Table{}, err
	}
	t.Comma = comma
	return t, t.read(text, head, lim, now)
}

// decode gives the text of a file without its byte order mark.
func decode(b []byte) (text, encoding string, err error) {
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		b = b[3:]
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		b, err = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Bytes(b)
		if err != nil {
			return "", "", &FileError{Code: FileEncoding, Line: 1}
		}
		encoding = "UTF-16"
	}
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return "", "", &FileError{Code: FileEncoding, Line: lineOf(b, i)}
	}
	if encoding == "UTF-16" {
		return string(b), encoding, nil
	}
	bad, good, at := 0, 0, -1
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			if bad++; at < 0 {
				at = i
			}
		} else if size > 1 {
			good++
		}
		i += size
	}
	if bad == 0 {
		return string(b), "UTF-8", nil
	}
	// GB18030 gives a character for nearly any bytes: a damaged UTF-8 file
	// must not pass as one full of rare characters.
	if good > 10*bad {
		return "", "", &FileError{Code: FileEncoding, Line: lineOf(b, at)}
	}
	decoded, err := simplifiedchinese.GB18030.NewDecoder().Bytes(b)
	if i := bytes.Index(decoded, []byte("\uFFFD")); i >= 0 {
		return "", "", &FileError{Code: FileEncoding, Line: lineOf(decoded, i)}
	}
	if err != nil {
		return "", "", &FileError{Code: FileEncoding, Line: lineOf(b, at)}
	}
	return string(decoded), "GB18030", nil
}

func lineOf(b []byte, i int) int { return 1 + bytes.Count(b[:i], []byte("\n")) }

func newReader(text string, comma rune) *csv.Reader {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = comma
	r.FieldsPerRecord = -1
	return r
}

// header is the line of column names.
type header struct {
	line  int
	cells []string
}

// findHeader looks for the line of column names and what parts its cells.
func findHeader(text string) (header, rune, error) {
	known := columns()
	var best header
	var comma rune
	most := -1
	for _, c := range []rune{',', ';', '\t'} {
		r := newReader(text, c)
		for range 20 {
			cells, err := r.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || len(cells) == 0 {
				continue
			}
			n := 0
			for _, cell := range cells[:min(len(cells), 500)] {
				if columnOf(known, cell) >= 0 {
					n++
				}
			}
			if n > most || n == most && n == 0 && len(cells) > len(best.cells) {
				line, _ := r.FieldPos(0)
				best, comma, most = header{line, cells[:min(len(cells), 500)]}, c, n
			}
		}
	}
	var due []string
	for i, c := range known[:required] {
		if !slices.ContainsFunc(best.cells, func(cell string) bool { return columnOf(known, cell) == i }) {
			due = append(due, c.english[0])
		}
	}
	if due == nil {
		return best, comma, nil
	}
	e := &FileError{Code: FileHeader, Due: due}
	for _, cell := range best.cells[:min(len(best.cells), 30)] {
		e.Found = append(e.Found, brief(strings.TrimSpace(cell)))
	}
	return header{}, 0, e
}

var aside = regexp.MustCompile(`[(*].*$`)

// columnOf is the place in columns of a name as somebody wrote it, or -1.
func columnOf(known []column, cell string) int {
	if len(cell) > 200 {
		return -1
	}
	name := strings.ToLower(norm.NFKC.String(strings.TrimSpace(cell)))
	name = strings.TrimSpace(aside.ReplaceAllString(strings.TrimLeft(name, "* "), ""))
	name = strings.NewReplacer(" ", "_", "-", "_").Replace(name)
	for i, c := range known {
		if slices.Contains(c.english, name) || slices.Contains(c.chinese, name) {
			return i
		}
	}
	return -1
}

// read fills the table from the lines after its header.
func (t *Table) read(text string, head header, lim Limits, now time.Time) error {
	known := columns()
	var at []int // for each cell of a row, its column, or -1
	taken := map[int]bool{}
	for _, cell := range head.cells {
		c := columnOf(known, cell)
		if taken[c] {
			c = -1 // the same column twice: the first counts
		}
		if c < 0 && strings.TrimSpace(cell) != "" {
			t.Warnings = append(t.Warnings, Problem{ProblemColumn, "", brief(strings.TrimSpace(cell)), true})
		}
		if c >= 0 {
			taken[c] = true
		}
		at = append(at, c)
	}
	r := newReader(text, t.Comma)
	numbers := map[string]bool{}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		row := Row{}
		var parse *csv.ParseError
		if errors.As(err, &parse) {
			if parse.Line != parse.StartLine {
				// It may have swallowed any number of rows.
				*t = Table{}
				return &FileError{Code: FileQuotes, Line: parse.StartLine}
			}
			row.Line = parse.Line
			row.Problems = []Problem{{Code: ProblemQuotes}}
		} else if err != nil {
			return fmt.Errorf("read table: %w", err)
		} else {
			row.Line, _ = r.FieldPos(0)
		}
		if row.Line <= head.line || err == nil && blank(cells) {
			continue
		}
		if len(t.Rows) == lim.Rows {
			*t = Table{}
			return &FileError{Code: FileRows, Limit: int64(lim.Rows)}
		}
		if err == nil {
			row.fill(cells, at, known, lim, now)
			if n := row.Report.Number; n != "" && numbers[n] {
				row.Problems = append(row.Problems, Problem{ProblemTwice, "report_id", brief(n), false})
			} else {
				numbers[n] = true
			}
		}
		t.Rows = append(t.Rows, row)
	}
}

func blank(cells []string) bool {
	return !slices.ContainsFunc(cells, func(s string) bool { return strings.TrimSpace(s) != "" })
}

func (row *Row) fill(cells []string, at []int, known []column, lim Limits, now time.Time) {
	for i, cell := range cells {
		if i >= len(at) {
			if !blank(cells[i:]) {
				row.Problems = append(row.Problems, Problem{Code: ProblemCells})
			}
			break
		}
		if at[i] < 0 {
			continue
		}
		c := known[at[i]]
		if len(cell) > lim.Cell {
			row.Problems = append(row.Problems, Problem{ProblemLong, c.english[0], brief(cell), false})
			continue
		}
		cell = plain(cell)
		if cell == "" {
			continue
		}
		if code := c.set(&row.Report, cell); code != "" {
			row.Problems = append(row.Problems, Problem{code, c.english[0], brief(cell), code == ProblemLunar})
		}
	}
	row.Problems = append(row.Problems, row.Report.Check(now)...)
}

// plain trims a cell and takes away the apostrophe that keeps a spreadsheet
// from reading it as a formula.
func plain(cell string) string {
	cell = strings.TrimSpace(cell)
	if rest, ok := strings.CutPrefix(cell, "'"); ok && formula(rest) {
		return rest
	}
	return cell
}

func list(s, separators string) []string {
	var parts []string
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// The following turn words into codes and leave what they do not know as it
// is, for Check to name.

func category(s string) Category {
	switch strings.ToLower(strings.ReplaceAll(norm.NFKC.String(s), " ", "_")) {
	case "家寻宝贝", "家寻孩子", "家寻亲", "寻找孩子", "寻子", "寻人", "missing", string(FamilySeeksChild):
		return FamilySeeksChild
	case "宝贝寻家", "孩子寻家", "寻家", "寻找父母", string(ChildSeeksFamily):
		return ChildSeeksFamily
	case "发现", "发现儿童", "拾到", string(Found):
		return Found
	case "公告", "寻亲公告", "弃婴公告", "认领公告", string(Notice):
		return Notice
	}
	return Category(s)
}

func sex(s string) string {
	switch strings.ToLower(s) {
	case "男", "男性", "男孩", "male", "m", "boy":
		return "male"
	case "女", "女性", "女孩", "female", "f", "girl":
		return "female"
	case "不详", "未知", "不明", "unknown", "-":
		return ""
	}
	return s
}

func dna(s string) string {
	switch strings.ToLower(s) {
	case "已采血", "已采", "是", "已入库", "yes", "y", "true", "1", "sampled":
		return "sampled"
	case "未采血", "未采", "没有", "否", "no", "n", "false", "0", "not_sampled", "not sampled":
		return "not_sampled"
	case "不详", "未知", "不明", "unknown", "-":
		return ""
	}
	return s
}

var measure = regexp.MustCompile(`^(?:约|about )?(\d{1,3}(?:\.\d{1,2})?) ?(cm|厘米|公分|m|米)?(?:左右)?$`)

func height(s string) (int, string) {
	s = strings.ToLower(strings.TrimSpace(norm.NFKC.String(s)))
	switch s {
	case "不详", "未知", "不明", "unknown", "-":
		return 0, ""
	}
	m := measure.FindStringSubmatch(s)
	if m == nil {
		return 0, ProblemHeight
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, ProblemHeight
	}
	// 1.05 without a unit is metres: nobody is one centimetre tall.
	if m[2] == "m" || m[2] == "米" || m[2] == "" && v < 3 {
		v *= 100
	}
	if v < 1 {
		return 0, ProblemHeight
	}
	return int(v + 0.5), ""
}
