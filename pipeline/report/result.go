package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// An Outcome is what became of one row.
type Outcome string

// The outcomes.
const (
	Added     Outcome = "added"
	Updated   Outcome = "updated"
	Unchanged Outcome = "unchanged"
	Rejected  Outcome = "rejected"
)

func (o Outcome) word(lang string) string {
	if lang != "zh-CN" {
		return string(o)
	}
	switch o {
	case Added:
		return "已添加"
	case Updated:
		return "已更新"
	case Unchanged:
		return "没有变化"
	case Rejected:
		return "未收下"
	}
	return string(o)
}

// A Result says what became of a row and why, beyond the row's own problems.
type Result struct {
	Outcome Outcome
	Why     string // in the reader's language
}

// WriteResult answers a table: for each row its line, number, outcome and
// reasons, in lang ("zh-CN" or English). results go with rows by position. It
// begins with a byte order mark, without which Excel misreads Chinese, and
// cells that a spreadsheet would compute get an apostrophe.
func WriteResult(w io.Writer, rows []Row, results []Result, lang string) error {
	if len(rows) != len(results) {
		return fmt.Errorf("write result: %d rows and %d results", len(rows), len(results))
	}
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	head, join := []string{"line", "report_id", "outcome", "why"}, "; "
	if lang == "zh-CN" {
		head, join = []string{"行", "编号", "结果", "原因"}, "；"
	}
	c := csv.NewWriter(w)
	c.UseCRLF = true
	lines := [][]string{head}
	for i, row := range rows {
		var why []string
		if results[i].Why != "" {
			why = append(why, results[i].Why)
		}
		for _, p := range row.Problems {
			why = append(why, p.Message(lang))
		}
		lines = append(lines, []string{strconv.Itoa(row.Line), Cell(row.Report.Number), results[i].Outcome.word(lang), Cell(strings.Join(why, join))})
	}
	if err := c.WriteAll(lines); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// Cell is s as it may stand in a CSV file that a spreadsheet opens: what it
// would take for a formula gets an apostrophe in front.
func Cell(s string) string {
	if formula(s) {
		return "'" + s
	}
	return s
}

func formula(s string) bool {
	return s != "" && strings.ContainsRune("=+-@\t\r＝＋－＠", []rune(s)[0])
}
