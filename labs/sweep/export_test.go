package sweep

func Student975(freedom int) float64 { return student975(freedom) }
