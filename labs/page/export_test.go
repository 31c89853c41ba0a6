package page

// Build is build, for tests with a budget of their own.
var Build = build

// Column and Delta are columns of either kind.
type (
	Column = column
	Delta  = delta
)
