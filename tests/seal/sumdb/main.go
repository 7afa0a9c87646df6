// Command sumdb checks a log folder with the library of Go's checksum database: its checkpoint, its tiles, its proofs.
//
// usage: sumdb <verifier key> <log folder> < proofs.json
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A proof is of one entry's inclusion in the checkpoint, and of the checkpoint's growth from a smaller tree.
type proof struct {
	Entry   []byte
	Index   int64
	Path    []tlog.Hash
	OldSize int64
	OldRoot tlog.Hash
	Growth  []tlog.Hash
}

// A folder gives the library its tiles: C2SP's paths are Go's without the height, which is always 8.
type folder string

func (f folder) Height() int                     { return 8 }
func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}
func (f folder) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		content, err := os.ReadFile(filepath.Join(string(f), strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
		if err != nil {
			return nil, err
		}
		data = append(data, content)
	}
	return data, nil
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	verifier, err := note.NewVerifier(os.Args[1])
	must(err)
	content, err := os.ReadFile(filepath.Join(os.Args[2], "checkpoint"))
	must(err)
	opened, err := note.Open(content, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, folder(os.Args[2]))
	var proofs []proof
	must(json.NewDecoder(os.Stdin).Decode(&proofs))
	for _, p := range proofs {
		must(tlog.CheckRecord(p.Path, size, root, p.Index, tlog.RecordHash(p.Entry)))
		must(tlog.CheckTree(p.Growth, size, root, p.OldSize, p.OldRoot))
		path, err := tlog.ProveRecord(size, p.Index, reader)
		must(err)
		growth, err := tlog.ProveTree(size, p.OldSize, reader)
		must(err)
		if !reflect.DeepEqual([]tlog.Hash(path), p.Path) || !reflect.DeepEqual([]tlog.Hash(growth), p.Growth) {
			log.Fatal("the proofs from the tiles differ")
		}
	}
	fmt.Printf("%s %d %d\n", lines[0], size, len(proofs))
}
