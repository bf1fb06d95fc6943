"""Archives that a writer makes, held against reader.py: `interop.py TABLE COMMAND…`, where TABLE
is what table.ts writes and COMMAND that of the project.

Prints what failed, then `N passed, N failed`; the exit status follows.
"""

import io
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import reader
from paths import check_entries
from shapes import Refusal
from tables import load, rows
from tars import END, REFUSED, SEALED
from tarstream import Plaintext, members

RANDOM = random.Random(18)

# Path, content, mode, mtime.
FILES = [
    ('weights/model.safetensors', RANDOM.randbytes(3 * 2**20 + 17), 0o600, 1700000000),
    ('weights/shards/deep/er/shard-00001.bin', RANDOM.randbytes(70000), 0o644, 1),
    ('zero', b'', 0o644, 1700000001),
    ('run.sh', b'#!/bin/sh\n', 0o755, 1700000002.75),
    ('naïve ☃ 模型 😀.json', b'{}', 0o644, 1700000003),
    ('a' * 255, b'x' * 512, 0o640, 1700000004),
    ('weights/' + 'ü' * 127 + 'x', b'y' * 511, 0o700, 1700000005),
    ('/'.join(['d' * 99] * 9) + '/f', b'z', 0o644, 1700000006),
]
PASSPHRASE = 'pa\u0308ssword ☃'  # not NFC
UMASK = 0o027
UTF8 = {**os.environ, 'LC_ALL': 'C.UTF-8'}

passed, failed = 0, 0


def expect(name: str, condition: object, detail: object = '') -> bool:
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print(f'failed: {name} {detail}'.strip())
    return bool(condition)


def run(*words: object, stdin: bytes = b'') -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in words], input=stdin, capture_output=True, env=UTF8)


def made(name: str, *words: object, stdin: bytes = b'') -> bool:
    result = run(*words, stdin=stdin)
    return expect(name, result.returncode == 0, result.stderr.decode())


def read(*words: object) -> tuple[int, str]:
    """The second reader's exit status and all that it says."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        try:
            status = reader.main([str(word) for word in words])
        except Exception:
            status = 1
            traceback.print_exc()
    return status, said.getvalue()


def reads(name: str, *words: object) -> bool:
    status, said = read(*words)
    return expect(name, status == 0, said)


def make_tree(root: Path) -> None:
    (root / 'empty/within').mkdir(parents=True)
    for path, content, mode, mtime in FILES:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(mode)
        os.utime(file, (mtime, mtime))
    for i, (directory, _, _) in enumerate(os.walk(root, topdown=False)):
        os.utime(directory, (1600000000 + i, 1600000000 + i))


def listing(root: Path, sealed: bool = False) -> dict[str, tuple]:
    """Path to content (None for a directory), mode and mtime; of a sealed tree, as [Paths and
    entries] says that they come out."""
    found = {}
    for path in sorted(root.rglob('*')):
        state = path.lstat()
        mode = state.st_mode & 0o777
        if sealed:
            mode = (0o755 if path.is_dir() or mode & 0o100 else 0o644) & ~UMASK
        content = None if path.is_dir() else path.read_bytes()
        mtime = int(state.st_mtime) if sealed else state.st_mtime
        found[str(path.relative_to(root))] = (content, mode, mtime)
    return found


def regions(data: bytes) -> dict[str, tuple[int, int]]:
    """Offset and length of every region [The archive], from the core and the footer."""
    slot = struct.unpack_from('>I', data, 48)[0]
    payload = 4096 + 2 * slot
    manifest, manifest_bytes, tiles, seal = struct.unpack_from('>4Q', data, len(data) - 56)
    return {
        'core': (0, 4096),
        'slot A': (4096, slot),
        'slot B': (4096 + slot, slot),
        'payload header': (payload, 74),
        'segments': (payload + 74, manifest - payload - 74),
        'manifest': (manifest, manifest_bytes),
        'tiles': (manifest + manifest_bytes, tiles),
        'seal': (manifest + manifest_bytes + tiles, seal),
        'footer': (len(data) - 64, 64),
    }


def check_opening(name: str, archive: Path, model: Path, *options: object) -> bytes:
    """The reader opens the archive to the tree that was sealed; its tar is returned."""
    out = archive.with_suffix('.opened')
    if reads(f'{name} open', 'open', archive, out, *options):
        expected, opened = listing(model, sealed=True), listing(out)
        wrong = [path for path in expected | opened if expected.get(path) != opened.get(path)]
        expect(f'{name} the trees are the same', not wrong, wrong)
    tar = archive.with_suffix('.tar')
    return tar.read_bytes() if reads(f'{name} tar', 'tar', archive, tar, *options) else b''


def check_refusal(name: str, work: Path, data: bytes, code: str, *options: object) -> None:
    """The reader refuses `data`, with a code that fits the pattern, and leaves nothing behind."""
    damaged = work / 'damaged.srm'
    damaged.write_bytes(data)
    before = sorted(work.iterdir())
    status, said = read('open', damaged, work / 'never', *options)
    good = status == 3 and re.match(f'refused: ({code}):', said)
    expect(f'{name} is refused', good, f'{status} {said}')
    expect(f'{name} leaves nothing', sorted(work.iterdir()) == before)


def check_damage(name: str, work: Path, data: bytes, *options: object) -> None:
    """A flipped bit at either end and in the middle of every region."""
    codes = {
        'core': 'MAGIC|CORE|KEYRING',
        'slot A': 'KEYRING',
        'slot B': 'KEYRING',
        'payload header': 'PAYLOAD',
        'segments': 'TREE',
        'manifest': 'MANIFEST',
        'tiles': 'TREE',
        'seal': 'SEAL|SIGNATURE',
        'footer': 'FOOTER',
    }
    for region, (offset, length) in regions(data).items():
        for at in (offset, offset + length // 2, offset + length - 1):
            flipped = bytearray(data)
            flipped[at] ^= 1
            where = f'{name} {region}, byte {at - offset}'
            check_refusal(where, work, flipped, codes[region], *options)
    check_refusal(f'{name} a truncated archive', work, data[:-1], 'FOOTER', *options)
    check_refusal(f'{name} a trailing byte', work, data + b'\0', 'FOOTER', *options)


def check_keyring(name: str, command: list[str], work: Path, data: bytes, *options: object) -> None:
    """A detached key ring stands in for slots that no longer read; a draft is passed over."""
    slot, length = regions(data)['slot A'][1], struct.unpack_from('>Q', data, 4104)[0]
    ring, bare = work / 'ring.json', work / 'bare.srm'
    ring.write_bytes(data[4160 : 4160 + length])
    bare.write_bytes(data[:4096] + b'\xff' * 2 * slot + data[4096 + 2 * slot :])
    reads(f'{name} a detached ring', 'tar', bare, work / 'bare.tar', '--keyring', ring, *options)
    detached = ('--keyring', ring, '-o', work / 'bare', *options)
    made(f'{name} the writer takes it too', *command, 'open', bare, *detached)
    ring.write_bytes(data[4160 : 4160 + length] + b'\n')
    lined = ('--keyring', ring, *options)
    check_refusal(f'{name} a detached ring with a newline', work, data, 'KEYRING', *lined)
    (work / 'draft.srm').write_bytes(
        data[: 4096 + slot] + b'SRMDRAFT'.ljust(slot, b'?') + data[4096 + 2 * slot :]
    )
    reads(f'{name} a draft', 'tar', work / 'draft.srm', work / 'draft.tar', *options)
    twice = data[: 4096 + slot] + data[4096 : 4096 + slot] + data[4096 + 2 * slot :]
    check_refusal(f'{name} one epoch twice', work, twice, 'KEYRING', *options)


def check_trust(name: str, command: list[str], work: Path, data: bytes, *options: object) -> None:
    """Policies, to both readers."""
    policy = work / 'policy.json'
    cases = (
        (None, 'alice.card', '["author", "custodian"]'),
        ('GRANT', 'eve.card', '["author"]'),
        ('GRANT', 'alice.card', '["witness"]'),
        ('UNTRUSTED', 'alice.card', '["custodian"]'),
        ('POLICY', '../alice.card', '["author"]'),
        ('POLICY', 'alice.card', '["owner"]'),
        ('POLICY', 'alice.card', '["author"], "roles": ["author"]'),
        ('POLICY', 'alice.card', '["author"]}, {"card": "alice.card", "roles": ["witness"]'),
    )
    for code, card, roles in cases:
        trust = f'[\n{{"card": "{card}", "roles": {roles}}}]'
        policy.write_text(f'{{"type": "strongroom/policy", "version": 1, "trust": {trust}}}')
        result = run(*command, 'verify', work / 'model.srm', '--trust', policy)
        good = (result.returncode == 0) == (code is None)
        expect(f'{name} policy, {trust}: the writer', good, result.stderr.decode())
        if code:
            words = (code, '--trust', policy, *options)
            check_refusal(f'{name} policy, {trust}', work, data, *words)
        else:
            reads(f'{name} policy, {trust}', 'verify', work / 'model.srm', '--trust', policy)


def check_suite(command: list[str], suite: str, other: str, work: Path, model: Path) -> None:
    words = work / 'passphrase'
    words.write_text(PASSPHRASE)
    keys = {'alice': suite, 'bob': suite, 'eve': suite, 'carol': suite, 'olga': other}
    for name, its_suite in keys.items():
        lock = ('--passphrase-file', words) if name == 'carol' else ('--plain',)
        keygen = ('keygen', '--name', name, '--suite', its_suite, '-o', work / name, *lock)
        made(f'{suite} keygen {name}', *command, *keygen)
    claims = work / 'claims.json'
    claims.write_text(json.dumps({'ﬁ': ['\u2028', True, 2**53 - 1], '😀': {'\x7f"\\\b': {}}}))
    shared = ('-r', work / 'carol.card', '-r', work / 'bob.card', '--sign', work / 'alice')
    # A trusted card of another suite counts as absent
    signer = ('--signer', work / 'olga.card', '--signer', work / 'alice.card')
    bob = ('--identity', work / 'bob', *signer)
    carol = ('--identity', work / 'carol', '--passphrase-file', words, *signer)

    archive, hidden = work / 'model.srm', work / 'hidden.srm'
    if not made(f'{suite} seal', *command, 'seal', model, '-o', archive, *shared):
        return
    reads(f'{suite} verify', 'verify', archive, *signer)
    tar = check_opening(f'{suite} passphrase', archive, model, *carol)
    listed = run('tar', 'tf', archive.with_suffix('.tar'))
    names = {line.removesuffix('/') for line in listed.stdout.decode().splitlines()}
    good = names == listing(model).keys() and not listed.stderr
    expect(f'{suite} any tar lists the tar', good, listed.stderr)
    result = run(*command, 'open', archive, '--stdout', *bob)
    expect(f'{suite} the writer gives the same tar', result.stdout == tar, result.stderr.decode())

    # 800 segments: two levels of tiles, and more than one segment of the manifest
    options = ('--hide-recipients', '--segment-size', '4KiB', '--claims', claims, '--oms')
    made(f'{suite} seal hidden', *command, 'seal', model, '-o', hidden, *options, *shared)
    check_opening(f'{suite} hidden', hidden, model, *bob)
    for form in ('gnu', 'posix'):
        piped = work / f'{form}.srm'
        made_tar = run('tar', 'c', '-C', model, f'--format={form}', '.').stdout
        oms = ('--oms', '--shard-size', '1MiB')
        made(f'{suite} {form}', *command, 'seal', '-', '-o', piped, *shared, *oms, stdin=made_tar)
        tar = check_opening(f'{suite} {form}', piped, model, *bob)
        expect(f'{suite} {form} stays as it came', tar == made_tar)

    status, said = read('fingerprint', work / 'alice.card')
    expect(f'{suite} fingerprint', re.fullmatch('[0-9A-HJKMNP-TV-Z]{5}(-.{5}){4}\n', said), said)
    result = run(*command, 'card', 'show', work / 'alice.card')
    expect(f'{suite} the writer shows the same', said.strip() in result.stdout.decode())
    data, eve = archive.read_bytes(), ('--identity', work / 'eve', *signer)
    check_damage(suite, work, data, *bob)
    check_keyring(suite, command, work, data, *bob)
    if suite == 'hybrid':
        check_trust(suite, command, work, data, *bob[:2])
    check_refusal(f'{suite} a stranger', work, data, 'NO_KEY', *eve)
    check_refusal(f'{suite} a stranger to hidden', work, hidden.read_bytes(), 'NO_KEY', *eve)
    strange = (*bob[:2], '--signer', work / 'eve.card')
    check_refusal(f'{suite} another signer', work, data, 'GRANT', *strange)
    olga = ('--identity', work / 'olga', *signer)
    check_refusal(f'{suite} another suite', work, data, 'SUITE', *olga)


def check_streams(command: list[str], work: Path) -> None:
    """The writer seals a tar as it comes exactly when the reader would take it."""
    made('keygen', *command, 'keygen', '--name', 'ada', '--plain', '-o', work / 'ada')
    keys = ('-r', work / 'ada.card', '--sign', work / 'ada', '--threads', '1')
    streams = {**SEALED, **REFUSED}

    def seal(name: str) -> subprocess.CompletedProcess:
        out = work / f'{list(streams).index(name)}.srm'
        return run(*command, 'seal', '-', '-o', out, *keys, stdin=streams[name] + END)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(seal, streams))
    for (name, stream), result in zip(streams.items(), results):
        status = 0 if name in SEALED else 3
        detail = f'{result.returncode} {result.stderr.decode()}'
        expect(f'the writer, a tar with {name}', result.returncode == status, detail)
        stream += END
        try:
            check_entries(list(members(Plaintext(iter([stream])))), len(stream))
            refused = False
        except Refusal:
            refused = True
        expect(f'the reader, a tar with {name}', refused == (name in REFUSED))


def check_quorum(command: list[str], suite: str, work: Path, model: Path) -> None:
    """One of two and two of three: the reader has all identities in one place."""
    names = ('ada', 'ben', 'cleo', 'dan', 'finn')
    for name in names:
        keygen = ('keygen', '--name', name, '--suite', suite, '--plain', '-o', work / name)
        made(f'{suite} keygen {name}', *command, *keygen)
    groups = [
        {'name': 'legal', 'threshold': 1, 'cards': ['ada.card', 'ben.card']},
        {'name': 'security', 'threshold': 2, 'cards': ['cleo.card', 'dan.card', 'finn.card']},
    ]
    spec, archive = work / 'quorum.json', work / 'quorum.srm'
    spec.write_text(json.dumps({'type': 'strongroom/quorum', 'version': 1, 'groups': groups}))
    keys = ('--quorum', spec, '--sign', work / 'alice')
    if not made(f'{suite} seal for a quorum', *command, 'seal', model, '-o', archive, *keys):
        return

    def options(*who: str) -> tuple:
        identities = (word for name in who for word in ('--identity', work / name))
        return (*identities, '--signer', work / 'alice.card')

    for who in (('ben', 'cleo', 'finn'), ('dan', 'ada', 'cleo'), names):
        copy = shutil.copy(archive, work / f'quorum-{"-".join(who)}.srm')
        check_opening(f'{suite} {who}', copy, model, *options(*who))
    data = archive.read_bytes()
    for who in (('ada',), ('ada', 'cleo'), ('cleo', 'dan', 'finn'), ('ada', 'ben', 'dan')):
        check_refusal(f'{suite} {who}', work, data, 'NO_KEY', *options(*who))


def check_access(command: list[str], suite: str, work: Path, model: Path) -> None:
    """Key rings of later epochs, in the archive and detached, and an archive sealed anew."""
    archive, ring, anew = work / 'access.srm', work / 'access.ring', work / 'anew.srm'
    signer = ('--signer', work / 'alice.card')
    by = ('-i', work / 'alice', *signer)
    bob, eve = ('--identity', work / 'bob', *signer), ('--identity', work / 'eve', *signer)
    to_eve = ('-r', work / 'eve.card', *by)

    def change(name: str, *words: object) -> None:
        made(f'{suite} {name}', *command, *words)

    def opens(name: str, path: Path, *options: object) -> None:
        copy = shutil.copy(path, work / f'{name.replace(" ", "-")}.srm')
        check_opening(f'{suite} {name}', copy, model, *options)

    recipients = ('-r', work / 'alice.card', '-r', work / 'bob.card')
    change('seal for two', 'seal', model, '-o', archive, *recipients, '--sign', work / 'alice')
    change('grant', 'grant', archive, *to_eve)
    opens('who was granted', archive, *eve)
    change('revoke', 'revoke', archive, *to_eve)
    opens('who stayed', archive, *bob)
    check_refusal(f'{suite} who was revoked', work, archive.read_bytes(), 'NO_KEY', *eve)
    change('grant, detached', 'grant', archive, *to_eve, '-o', ring)
    opens('a later detached ring', archive, *eve, '--keyring', ring)
    check_refusal(f'{suite} without that ring', work, archive.read_bytes(), 'NO_KEY', *eve)
    change('rekey', 'rekey', archive, '--keyring', ring, '-o', anew, *to_eve)
    opens('sealed anew', anew, *eve)
    check_refusal(f'{suite} who was left out', work, anew.read_bytes(), 'NO_KEY', *bob)


def main(table: str, command: list[str]) -> int:
    os.umask(UMASK)
    with tempfile.TemporaryDirectory() as scratch:
        # What the command remembers of archives is not the user's
        UTF8['STRONGROOM_STATE_DIR'] = str(Path(scratch, 'state'))
        model = Path(scratch, 'model')
        make_tree(model)
        for suite, other in (('hybrid', 'cnsa2'), ('cnsa2', 'hybrid')):
            work = Path(scratch, suite)
            work.mkdir()
            check_suite(command, suite, other, work, model)
            check_quorum(command, suite, work, model)
            check_access(command, suite, work, model)
        check_streams(command, Path(scratch))
    for name, good in rows(load(table)):
        expect(f'the shared table, {name}', good)
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2:]))
