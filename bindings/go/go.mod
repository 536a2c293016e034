module flatline

go 1.19
