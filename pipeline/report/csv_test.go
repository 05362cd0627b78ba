package report

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"
)

var today = time.Date(2011, 6, 1, 12, 0, 0, 0, time.UTC)

const chineseTable = `寻亲编号,寻亲类别,姓名,性别,出生日期,失踪时间,失踪地点,失踪时身高,寻亲者特征描述,采血情况,联系人,联系电话,照片,信息来源,报案单位
BB-1,家寻宝贝,王小明,男,2005年8月12日,2010-08,广东省广州市天河区,105CM,"左眉有痣，
穿红色上衣",已采血,李女士,13800138000,a.jpg；https://example.com/b.jpg,志愿者,天河分局
`

var chineseDraft = Draft{
	Number: "BB-1", Category: FamilySeeksChild, Name: "王小明", Sex: "male",
	BirthText: "2005年8月12日", Birth: day(2005, 8, 12), MissingText: "2010-08", Missing: month(2010, 8),
	Place: "广东省广州市天河区", HeightCM: 105, Features: "左眉有痣，\n穿红色上衣", DNA: "sampled",
	ContactName: "李女士", ContactPhone: "13800138000", PhotoRefs: []string{"a.jpg", "https://example.com/b.jpg"},
	SourceName: "志愿者", Police: "天河分局",
}

// encodings are the ways a file may reach us.
func encodings(t interface{ Fatal(...any) }, text string) map[string]string {
	must := func(s string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	return map[string]string{
		"UTF-8":          text,
		"UTF-8 with BOM": "\ufeff" + text,
		"GB18030":        must(simplifiedchinese.GB18030.NewEncoder().String(text)),
		"GBK":            must(simplifiedchinese.GBK.NewEncoder().String(text)),
		"UTF-16LE":       must(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(text)),
		"UTF-16BE":       must(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String(text)),
		"CRLF":           strings.ReplaceAll(text, "\n", "\r\n"),
	}
}

func TestTableIsReadInEveryEncodingAndDelimiter(t *testing.T) {
	for _, comma := range []string{",", ";", "\t"} {
		for name, file := range encodings(t, strings.ReplaceAll(chineseTable, ",", comma)) {
			t.Run(fmt.Sprintf("%s %q", name, comma), func(t *testing.T) {
				table, err := ReadCSV(strings.NewReader(file), Limits{}, today)
				if err != nil {
					t.Fatal(err)
				}
				want := []Row{{Line: 2, Report: chineseDraft}}
				if diff := cmp.Diff(want, table.Rows); diff != "" {
					t.Errorf("rows (-want +got):\n%s", diff)
				}
				if len(table.Warnings) > 0 || string(table.Comma) != comma {
					t.Errorf("warnings %v, comma %q", table.Warnings, table.Comma)
				}
			})
		}
	}
}

func TestEnglishTableBelowAPreambleWithUnknownColumns(t *testing.T) {
	const file = `Reports of our group, May 2011

Report ID,Category *,Full Name,Alternate names,Sex,date-of-birth,missing_date,height_cm (when lost),shoe size,photo_urls,source_url,status
'-7,Found,,,girl,about 2006,,1.05,28,x.png,https://example.com/7,open

'=1+1,notice,,"Lily; Li Li",f,2006,25/12/2010,110 cm,,y.png,,
`
	table, err := ReadCSV(strings.NewReader(file), Limits{}, today)
	if err != nil {
		t.Fatal(err)
	}
	want := Table{
		Encoding: "UTF-8", Comma: ',',
		Warnings: []Problem{{ProblemColumn, "", "shoe size", true}},
		Rows: []Row{
			{Line: 4, Report: Draft{Number: "-7", Category: Found, Sex: "female", BirthText: "about 2006", HeightCM: 105,
				PhotoRefs: []string{"x.png"}, SourceURL: "https://example.com/7", Status: "open"},
				Problems: []Problem{{ProblemDate, "date_of_birth", "about 2006", false}}},
			{Line: 6, Report: Draft{Number: "=1+1", Category: Notice, OtherNames: []string{"Lily", "Li Li"}, Sex: "female",
				BirthText: "2006", Birth: year(2006), MissingText: "25/12/2010", Missing: day(2010, 12, 25), HeightCM: 110, PhotoRefs: []string{"y.png"}}},
		},
	}
	if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestFileIsRefusedWithWhatIsWrong(t *testing.T) {
	gbk, err := simplifiedchinese.GBK.NewEncoder().String("编号,寻亲类别\n1,发现")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, file string
		want       FileError
	}{
		{"nothing", "", FileError{Code: FileEmpty}},
		{"blank lines", "\ufeff \n\n", FileError{Code: FileEmpty}},
		{"another table", "city,population\nA,5\n", FileError{Code: FileHeader, Found: []string{"city", "population"}, Due: []string{"report_id", "category"}}},
		{"a column missing", "编号,姓名\n1,王\n", FileError{Code: FileHeader, Found: []string{"编号", "姓名"}, Due: []string{"category"}}},
		{"no header", "1,王,2010\n2,李,2011\n", FileError{Code: FileHeader, Found: []string{"1", "王", "2010"}, Due: []string{"report_id", "category"}}},
		{"an open quote", "id,category\n1,found\n2,\"found\n3,found\n", FileError{Code: FileQuotes, Line: 3}},
		{"a picture", "\x89PNG\r\n\x1a\n\x00\x00", FileError{Code: FileEncoding, Line: 3}},
		{"damaged UTF-8", "编号,寻亲类别,姓名\n1,发现,王小明\n2,发现,王\xff\n", FileError{Code: FileEncoding, Line: 3}},
		{"damaged GBK", gbk + "\n2,\xff\xff", FileError{Code: FileEncoding, Line: 3}},
		{"too large", "id,category\n" + strings.Repeat("1,found\n", 200), FileError{Code: FileLarge, Limit: 1000}},
		{"too many rows", "id,category\n" + strings.Repeat("1,found\n", 11), FileError{Code: FileRows, Limit: 10}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			table, err := ReadCSV(strings.NewReader(tc.file), Limits{Bytes: 1000, Rows: 10}, today)
			var got *FileError
			if !errors.As(err, &got) {
				t.Fatalf("got %d rows, error %v", len(table.Rows), err)
			}
			if diff := cmp.Diff(tc.want, *got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if len(table.Rows) > 0 {
				t.Errorf("%d rows came with the error", len(table.Rows))
			}
			zh, en := got.Message("zh-CN"), got.Message("en")
			if zh == en || en == got.Code || strings.Contains(zh+en, "%!") {
				t.Errorf("messages %q and %q", zh, en)
			}
		})
	}
}

func TestMissingColumnsAreNamedInTheReadersLanguage(t *testing.T) {
	_, err := ReadCSV(strings.NewReader("编号,姓名\n1,王\n"), Limits{}, today)
	var file *FileError
	if !errors.As(err, &file) {
		t.Fatal(err)
	}
	if got, want := file.Message("zh-CN"), "没有找到列名：需要 寻亲类别；实际为 编号、姓名"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := file.Message("en"), "no line with the column names was found: due are category; found 编号, 姓名"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProblemsOfARowKeepItsNeighbours(t *testing.T) {
	file := "id,category,full_name,missing_date,date_of_birth,height_cm,sex,photos,source_url\n" +
		"1,found,A,2010-02-30,2005,105,m,a.jpg,\n" +
		"2,found,B,8/12/2010,2005,105,m,a.jpg,\n" +
		"3,found,C,农历八月初三,2005,105,m,a.jpg,\n" +
		"4,found,D,2031-01-01,2005,105,m,a.jpg,\n" +
		"5,found,E,2004,2005,105,m,a.jpg,\n" +
		"6,found,F,2010,2005,tall,?,../a.jpg,ftp://example.com\n" +
		"7,lost,G,2010,2005,400,m,,javascript:alert(1)\n" +
		",,,2010,2005,105,m,a.jpg,\n" +
		"1,found,A,2010,2005,105,m,a.jpg,\n" +
		"9,found,\"A\"x,2010,2005,105,m,a.jpg,\n" +
		"10,found,A,2010,2005,105,m,a.jpg,,extra\n" +
		"11,found," + strings.Repeat("长", 50) + ",2010,2005,105,m,a.jpg,\n" +
		"12,family_seeks_child,,2010,2005,105,m,a.jpg,\n" +
		"13,found,好,2010,2005,105,m,a.jpg,https://example.com/13\n"
	table, err := ReadCSV(strings.NewReader(file), Limits{Cell: 100}, today)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range table.Rows {
		line := fmt.Sprint(row.Line)
		for _, p := range row.Problems {
			line += " " + p.Code
			if p.Warning {
				line += "?"
			}
			zh, en := p.Message("zh-CN"), p.Message("en")
			if zh == en || en == p.Code || strings.Contains(zh+en, "%!") {
				t.Errorf("messages %q and %q", zh, en)
			}
		}
		got = append(got, line)
	}
	want := []string{"2 date", "3 ambiguous", "4 lunar?", "5 future", "6 order", "7 height sex url photo", "8 category height url no_photo?",
		"9 missing missing", "10 twice", "11 quotes", "12 cells", "13 long", "14 missing?", "15"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestFutureDateAsksToLookAgain(t *testing.T) {
	d := Draft{Number: "1", Category: Found, PhotoRefs: []string{"a.jpg"}, Missing: day(2011, 6, 4)}
	problems := d.Check(today)
	if len(problems) != 1 || problems[0].Message("zh-CN") != "失踪时间：日期在将来，请再看一下" {
		t.Errorf("problems %v", problems)
	}
	// It is already the second of June in Kiritimati.
	d.Missing = day(2011, 6, 2)
	if problems := d.Check(today); len(problems) != 0 {
		t.Errorf("problems %v", problems)
	}
}

func TestParseDate(t *testing.T) {
	for _, tc := range []struct {
		text string
		want Interval
		code string
	}{
		{"2010-08-12", day(2010, 8, 12), ""},
		{"２０１０年８月１２日", day(2010, 8, 12), ""},
		{"2010年8月12号", day(2010, 8, 12), ""},
		{"2010.8.12", day(2010, 8, 12), ""},
		{"20100812", day(2010, 8, 12), ""},
		{"2010-08-12 15:30:00", day(2010, 8, 12), ""},
		{"2010-08-12T15:30:00Z", day(2010, 8, 12), ""},
		{"2010年8月12日下午3点半", Interval{}, ProblemDate},
		{"2010年8月12日15时30分", day(2010, 8, 12), ""},
		{"2010/8", month(2010, 8), ""},
		{"2010年8月", month(2010, 8), ""},
		{"2010", year(2010), ""},
		{"2010年", year(2010), ""},
		{"2008-02-29", day(2008, 2, 29), ""},
		{"2010-02-29", Interval{}, ProblemDate},
		{"2010-13", Interval{}, ProblemDate},
		{"8/12/2010", Interval{}, ProblemAmbiguous},
		{"8/8/2010", day(2010, 8, 8), ""},
		{"25.12.2010", day(2010, 12, 25), ""},
		{"12/25/2010", day(2010, 12, 25), ""},
		{"25/25/2010", Interval{}, ProblemDate},
		{"August 12, 2010", day(2010, 8, 12), ""},
		{"12 Aug 2010", day(2010, 8, 12), ""},
		{"Aug 2010", month(2010, 8), ""},
		{"农历2010年八月初三", Interval{}, ProblemLunar},
		{"不详", Interval{}, ""},
		{"", Interval{}, ""},
		{"10/8/12", Interval{}, ProblemDate},
		{"0010-08-12", Interval{}, ProblemDate},
		{"=TODAY()", Interval{}, ProblemDate},
	} {
		got, code := ParseDate(tc.text)
		if diff := cmp.Diff(tc.want, got); diff != "" || code != tc.code {
			t.Errorf("%q: code %q, want %q (-want +got):\n%s", tc.text, code, tc.code, diff)
		}
	}
}

func TestResultGoesLineByLineAndComputesNothing(t *testing.T) {
	rows := []Row{
		{Line: 2, Report: Draft{Number: "=HYPERLINK(1)"}},
		{Line: 3, Report: Draft{Number: "B"}, Problems: []Problem{{Code: ProblemFuture, Field: "missing_date"}, {Code: ProblemNoPhoto, Warning: true}}},
		{Line: 4, Report: Draft{Number: "-1"}},
	}
	results := []Result{{Outcome: Added}, {Outcome: Rejected}, {Outcome: Unchanged, Why: "@same"}}
	for lang, want := range map[string]string{
		"zh-CN": "\ufeff行,编号,结果,原因\r\n2,'=HYPERLINK(1),已添加,\r\n3,B,未收下,失踪时间：日期在将来，请再看一下；没有照片，无法比对图片\r\n4,'-1,没有变化,'@same\r\n",
		"en": "\ufeffline,report_id,outcome,why\r\n2,'=HYPERLINK(1),added,\r\n" +
			"3,B,rejected,\"missing_date: the date is in the future, please look again; there is no photo, so no pictures can be compared\"\r\n4,'-1,unchanged,'@same\r\n",
	} {
		var out strings.Builder
		if err := WriteResult(&out, rows, results, lang); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", lang, diff)
		}
	}
	if err := WriteResult(&strings.Builder{}, rows, nil, "en"); err == nil {
		t.Error("rows without results were written")
	}
}

func TestCellsComeBackAsTheyWent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) string {
			s := rapid.StringOf(rapid.RuneFrom([]rune("王小明AZaz09 ,;\t\"'=+-@、。\n（é"))).Draw(t, label)
			return strings.TrimSpace(s)
		}
		number := draw("number") + "n" // something must be there
		features := draw("features")
		quote := func(s string) string { return `"` + strings.ReplaceAll(Cell(s), `"`, `""`) + `"` }
		text := "编号;类别;特征\n" + quote(number) + ";发现;" + quote(features) + "\n"
		for name, file := range encodings(t, text) {
			table, err := ReadCSV(strings.NewReader(file), Limits{}, today)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			want := []string{strings.TrimPrefix(number, apostropheOf(number)), strings.TrimPrefix(features, apostropheOf(features))}
			got := []string{table.Rows[0].Report.Number, table.Rows[0].Report.Features}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// apostropheOf is what reading takes from a cell that was written with an
// apostrophe before a formula by hand.
func apostropheOf(s string) string {
	if strings.HasPrefix(s, "'") && formula(strings.TrimPrefix(s, "'")) {
		return "'"
	}
	return ""
}

func FuzzReadCSV(f *testing.F) {
	for _, file := range encodings(f, chineseTable) {
		f.Add([]byte(file))
	}
	f.Add([]byte("id,category\n1,\"found\n"))
	f.Add([]byte("id;category;date_of_birth\r1;found;8/12/2010\r"))
	f.Add([]byte("\xff\xfe\x00\xd8"))
	f.Fuzz(func(t *testing.T, b []byte) {
		table, err := ReadCSV(strings.NewReader(string(b)), Limits{Rows: 50, Cell: 1000}, today)
		var file *FileError
		if err != nil && !errors.As(err, &file) {
			t.Fatalf("untyped error %v", err)
		}
		results := make([]Result, len(table.Rows))
		last := 0
		for _, row := range table.Rows {
			if row.Line <= last {
				t.Fatalf("line %d after %d", row.Line, last)
			}
			last = row.Line
			if !utf8.ValidString(row.Report.Features) {
				t.Fatalf("features %q", row.Report.Features)
			}
		}
		if err := WriteResult(&strings.Builder{}, table.Rows, results, "zh-CN"); err != nil {
			t.Fatal(err)
		}
	})
}
