// Checks a log that Strongroom wrote with golang.org/x/mod/sumdb/tlog and note, and its ML-DSA-44
// cosignatures with filippo.io/mldsa: c2sp.org/tlog-tiles, tlog-checkpoint, tlog-cosignature and
// tlog-proof, read here from their specifications alone.
//
//	ledger DIR: DIR has log/, old (an earlier checkpoint), entry and proof, and vkeys (one a line:
//	the log's Ed25519 and ML-DSA-44 keys, then the witness's).
package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func check(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "ledger: %s: %v\n", what, err)
		os.Exit(1)
	}
}

func must(ok bool, what string) {
	if !ok {
		check(fmt.Errorf("does not hold"), what)
	}
}

func read(parts ...string) []byte {
	data, err := os.ReadFile(filepath.Join(parts...))
	check(err, "reading")
	return data
}

const tileHeight = 8

// tilePath is that of c2sp.org/tlog-tiles, which leaves the height out of tlog's.
func tilePath(t tlog.Tile) string {
	return "tile/" + strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", tileHeight))
}

type directory struct{ path string }

func (d directory) Height() int                     { return tileHeight }
func (d directory) SaveTiles([]tlog.Tile, [][]byte) {}
func (d directory) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, t := range tiles {
		tile, err := os.ReadFile(filepath.Join(d.path, filepath.FromSlash(tilePath(t))))
		if err != nil && t.W < 1<<tileHeight {
			full := t
			full.W = 1 << tileHeight
			tile, err = os.ReadFile(filepath.Join(d.path, filepath.FromSlash(tilePath(full))))
			if err == nil {
				tile = tile[:t.W*tlog.HashSize]
			}
		}
		if err != nil {
			return nil, err
		}
		data = append(data, tile)
	}
	return data, nil
}

type checkpoint struct {
	origin string
	tree   tlog.Tree
}

func parse(text string) (c checkpoint) {
	lines := strings.Split(text, "\n")
	must(len(lines) == 4 && lines[3] == "", "a checkpoint of three lines")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err, "size")
	hash, err := tlog.ParseHash(lines[2])
	check(err, "root")
	return checkpoint{lines[0], tlog.Tree{N: size, Hash: hash}}
}

// cosigner verifies type 0x06 of c2sp.org/tlog-cosignature.
type cosigner struct {
	name string
	hash uint32
	key  *mldsa.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }
func (c cosigner) Verify(text, sig []byte) bool {
	if len(sig) != 8+2420 {
		return false
	}
	point := parse(string(text))
	var m bytes.Buffer
	m.WriteString("subtree/v1\n\x00")
	m.WriteByte(byte(len(c.name)))
	m.WriteString(c.name)
	m.Write(sig[:8])
	m.WriteByte(byte(len(point.origin)))
	m.WriteString(point.origin)
	binary.Write(&m, binary.BigEndian, uint64(0))
	binary.Write(&m, binary.BigEndian, uint64(point.tree.N))
	m.Write(point.tree.Hash[:])
	return mldsa.Verify(c.key, m.Bytes(), sig[8:], nil) == nil
}

func verifierOf(vkey string) note.Verifier {
	name, rest, _ := strings.Cut(vkey, "+")
	id, key, _ := strings.Cut(rest, "+")
	data, err := base64.StdEncoding.DecodeString(key)
	check(err, "vkey")
	if data[0] == 0x01 {
		must(len(data) == 1+ed25519.PublicKeySize, "an Ed25519 key")
		v, err := note.NewVerifier(vkey)
		check(err, "vkey of Ed25519")
		return v
	}
	must(data[0] == 0x06, "a key of type 0x06")
	hash, err := hex.DecodeString(id)
	check(err, "key id")
	pub, err := mldsa.NewPublicKey(mldsa.MLDSA44(), data[1:])
	check(err, "vkey of ML-DSA-44")
	return cosigner{name, binary.BigEndian.Uint32(hash), pub}
}

func main() {
	dir := os.Args[1]
	logDir := filepath.Join(dir, "log")
	var verifiers []note.Verifier
	for _, vkey := range strings.Fields(string(read(dir, "vkeys"))) {
		verifiers = append(verifiers, verifierOf(vkey))
	}
	must(len(verifiers) == 3, "three keys")
	known := note.VerifierList(verifiers...)

	// Signatures: note.Open fails if any of a known key does not verify
	open := func(data []byte) checkpoint {
		n, err := note.Open(data, known)
		check(err, "opening a checkpoint")
		must(len(n.UnverifiedSigs) == 0, "no other signatures")
		return parse(n.Text)
	}
	data := read(logDir, "checkpoint")
	now := open(data)
	n, _ := note.Open(data, known)
	must(len(n.Sigs) == 3, "two signatures of the log and one of the witness")
	before := open(read(dir, "old"))
	for _, v := range verifiers {
		one := note.VerifierList(v)
		_, err := note.Open(data, one)
		check(err, "each key on its own")
		_, err = note.Open(bytes.Replace(data, []byte("\n"+strconv.FormatInt(now.tree.N, 10)+"\n"), []byte("\n1\n"), 1), one)
		must(err != nil, "another size is refused")
	}

	// Root, inclusion and consistency, from tiles
	reader := tlog.TileHashReader(now.tree, directory{logDir})
	root, err := tlog.TreeHash(now.tree.N, reader)
	check(err, "root")
	must(root == now.tree.Hash, "the same root")
	consistency, err := tlog.ProveTree(now.tree.N, before.tree.N, reader)
	check(err, "consistency")
	check(tlog.CheckTree(consistency, now.tree.N, now.tree.Hash, before.tree.N, before.tree.Hash), "consistency")

	// Every entry, from the bundles
	for i := int64(0); i < now.tree.N; {
		t := tlog.Tile{H: tileHeight, L: 0, N: i >> tileHeight, W: int(min(1<<tileHeight, now.tree.N-i))}
		bundle := read(logDir, filepath.FromSlash(strings.Replace(tilePath(t), "tile/0/", "tile/entries/", 1)))
		for range t.W {
			length := int(binary.BigEndian.Uint16(bundle))
			entry := bundle[2 : 2+length]
			bundle = bundle[2+length:]
			hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, i)})
			check(err, "leaf")
			must(hashes[0] == tlog.RecordHash(entry), "the same leaf")
			if i%97 == 0 || i == now.tree.N-1 {
				inclusion, err := tlog.ProveRecord(now.tree.N, i, reader)
				check(err, "inclusion")
				check(tlog.CheckRecord(inclusion, now.tree.N, now.tree.Hash, i, hashes[0]), "inclusion")
			}
			i++
		}
		must(len(bundle) == 0, "nothing after the last entry of a bundle")
	}

	// The proof that the command wrote
	head, note, found := bytes.Cut(read(dir, "proof"), []byte("\n\n"))
	must(found && bytes.Equal(note, data), "a proof with the checkpoint as it is")
	lines := strings.Split(string(head), "\n")
	must(lines[0] == "c2sp.org/tlog-proof@v1", "the first line of a proof")
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	check(err, "index")
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		check(err, "hash")
		proof = append(proof, hash)
	}
	expected, err := tlog.ProveRecord(now.tree.N, index, reader)
	check(err, "proof")
	must(fmt.Sprint(expected) == fmt.Sprint(proof), "the same proof")
	leaf := tlog.RecordHash(read(dir, "entry"))
	check(tlog.CheckRecord(proof, now.tree.N, now.tree.Hash, index, leaf), "the proof")
	fmt.Printf("ledger: %d entries, root, inclusion, consistency and 3 signatures agree\n", now.tree.N)
}
