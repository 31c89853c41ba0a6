package command

import "rawlab/labs/report"

// writeTable writes a table without borders.
var writeTable = report.WriteTable
