// Command sumdb checks the proofs of an unpacked evidence bundle with the library of Go's checksum database: the log's
// checkpoint, its growth from an earlier one, each segment's statement in the log, each row in its segment.
//
// usage: sumdb <verifier key> <folder of the bundle>
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A path is a list of hashes in hexadecimal.
type path []string

func (p path) hashes() (hashes []tlog.Hash) {
	for _, text := range p {
		hashes = append(hashes, hash(text))
	}
	return hashes
}

type logProof struct {
	Genesis     string `json:"genesis"`
	GenesisPath path   `json:"genesis_path"`
	Growth      *struct {
		Checkpoint string `json:"checkpoint"`
		Path       path   `json:"path"`
	} `json:"growth"`
	Parts []struct {
		Name string `json:"name"`
	} `json:"parts"`
}

type segmentProof struct {
	Statement  string `json:"statement"`
	EntryIndex int64  `json:"entry_index"`
	EntryPath  path   `json:"entry_path"`
	Rows       []struct {
		Row      int64  `json:"row"`
		RowBytes string `json:"row_bytes"`
		Path     path   `json:"path"`
	} `json:"rows"`
}

// A statement says how many rows its segment has, and the root of the tree over them, in hexadecimal.
type statement struct {
	Rows     int64  `json:"rows"`
	RowsRoot string `json:"rows_root"`
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func hash(text string) (value tlog.Hash) {
	content, err := hex.DecodeString(text)
	must(err)
	if copy(value[:], content) != len(value) || len(content) != len(value) {
		log.Fatal("a hash is of another length")
	}
	return value
}

func read(value any, names ...string) {
	content, err := os.ReadFile(filepath.Join(names...))
	must(err)
	must(json.Unmarshal(content, value))
}

func opened(content string, verifier note.Verifier) (size int64, root tlog.Hash) {
	signed, err := note.Open([]byte(content), note.VerifierList(verifier))
	must(err)
	lines := strings.Split(signed.Text, "\n")
	size, err = strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err = tlog.ParseHash(lines[2])
	must(err)
	return size, root
}

func main() {
	verifier, err := note.NewVerifier(os.Args[1])
	must(err)
	proofs := filepath.Join(os.Args[2], "data", "proofs")
	content, err := os.ReadFile(filepath.Join(proofs, "checkpoint"))
	must(err)
	size, root := opened(string(content), verifier)

	var of logProof
	read(&of, proofs, "log.json")
	must(tlog.CheckRecord(of.GenesisPath.hashes(), size, root, 0, tlog.RecordHash([]byte(of.Genesis))))
	grown := "no earlier tree"
	if of.Growth != nil {
		oldSize, oldRoot := opened(of.Growth.Checkpoint, verifier)
		must(tlog.CheckTree(of.Growth.Path.hashes(), size, root, oldSize, oldRoot))
		grown = fmt.Sprintf("a tree of %d", oldSize)
	}
	rows := 0
	for _, part := range of.Parts {
		var segment segmentProof
		read(&segment, proofs, "rows", part.Name+".json")
		leaf := tlog.RecordHash([]byte(segment.Statement))
		must(tlog.CheckRecord(segment.EntryPath.hashes(), size, root, segment.EntryIndex, leaf))
		var said statement
		must(json.Unmarshal([]byte(segment.Statement), &said))
		rowsRoot := hash(said.RowsRoot)
		for _, row := range segment.Rows {
			leaf := tlog.RecordHash([]byte(row.RowBytes))
			must(tlog.CheckRecord(row.Path.hashes(), said.Rows, rowsRoot, row.Row, leaf))
			rows++
		}
	}
	fmt.Printf("%d entries, grown from %s, %d parts, %d rows\n", size, grown, len(of.Parts), rows)
}
