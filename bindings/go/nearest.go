// SPDX-License-Identifier: MIT

package flatline

import "strings"

// nearest is the stream or gate name nearest to what was asked for, "" if nothing is near: a third of
// it may be wrong. A name that holds what was asked for whole counts as one edit away.
func (v *view) nearest(asked string) string {
	if asked == "" || len(asked) >= nameBytes {
		return ""
	}
	nearest, fewest := "", 2+len(asked)/3
	consider := func(name string) {
		edits := 1
		if !strings.Contains(name, asked) {
			edits = editDistance(asked, name)
		}
		if edits < fewest {
			nearest, fewest = name, edits
		}
	}
	for _, name := range v.streams {
		consider(name)
	}
	for _, g := range v.gates {
		consider(g.name)
	}
	return nearest
}

// editDistance counts edits from one name to another, case apart.
func editDistance(from, to string) int {
	row := make([]int, len(to)+1)
	for k := range row {
		row[k] = k
	}
	for i := 0; i < len(from); i++ {
		diagonal := row[0]
		row[0] = i + 1
		for k := 0; k < len(to); k++ {
			changed := diagonal
			if lower(from[i]) != lower(to[k]) {
				changed++
			}
			diagonal = row[k+1]
			row[k+1] = least(row[k+1]+1, row[k]+1, changed)
		}
	}
	return row[len(to)]
}

func lower(char byte) byte {
	if 'A' <= char && char <= 'Z' {
		return char - 'A' + 'a'
	}
	return char
}

func least(a, b, c int) int {
	if b < a {
		a = b
	}
	if c < a {
		a = c
	}
	return a
}
