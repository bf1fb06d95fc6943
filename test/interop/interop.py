"""Archives that a writer makes, held against reader.py: `interop.py COMMAND…`, where COMMAND takes

    keygen --name NAME --suite SUITE --plain -o FILE
    seal DIR -o OUT [-r CARD] [--quorum SPEC] --sign IDENTITY
    grant and revoke ARCHIVE -r CARD -i IDENTITY --signer CARD [-o RING]
    rekey ARCHIVE -o OUT -r CARD -i IDENTITY --signer CARD

Prints what failed, then `N passed, N failed`; the exit status follows.
"""

import json
import os
import random
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

READER = Path(__file__).with_name('reader.py')
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
    ('/'.join(['d' * 99] * 4) + '/f', b'z', 0o644, 1700000006),
]

passed, failed = 0, 0


def expect(name: str, condition: object, detail: object = '') -> None:
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print(f'failed: {name} {detail}'.strip())


def run(*words: object) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True)


def reader(*words: object) -> subprocess.CompletedProcess:
    return run(sys.executable, '-B', READER, *words)


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
            mode = 0o755 if path.is_dir() or mode & 0o100 else 0o644
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


def check_tar(out: Path, expected: dict[str, tuple]) -> None:
    """Any tar reads the payload's plaintext."""
    with tarfile.open(out) as tar:
        names = {member.name for member in tar if member.name != '.'}
    expect('tarfile lists the tar', names == expected.keys(), names ^ expected.keys())
    environment = {**os.environ, 'LC_ALL': 'C.UTF-8'}
    listed = subprocess.run(['tar', 'tf', out], capture_output=True, text=True, env=environment)
    names = {line.removeprefix('./').removesuffix('/') for line in listed.stdout.splitlines()}
    expect('tar lists the tar', listed.returncode == 0 and not listed.stderr, listed.stderr)
    expect('tar lists every entry', names - {''} == expected.keys(), names ^ expected.keys())


def check_refusal(name: str, work: Path, data: bytes, *options: object) -> None:
    """The reader refuses `data` and leaves nothing behind."""
    damaged = work / 'damaged.srm'
    damaged.write_bytes(data)
    before = sorted(work.iterdir())
    result = reader('open', damaged, work / 'never', *options)
    expect(f'{name} is refused', result.returncode == 3, f'{result.returncode} {result.stderr}')
    expect(f'{name} leaves nothing', sorted(work.iterdir()) == before)


def check_suite(command: list[str], suite: str, work: Path, model: Path) -> None:
    for name in ('alice', 'bob', 'eve'):
        made = run(
            *command, 'keygen', '--name', name, '--suite', suite, '--plain', '-o', work / name
        )
        expect(f'{suite} keygen {name}', made.returncode == 0, made.stderr)
    archive = work / 'model.srm'
    recipient = ('-r', work / 'bob.card', '--sign', work / 'alice')
    made = run(*command, 'seal', model, '-o', archive, *recipient)
    expect(f'{suite} seal', made.returncode == 0, made.stderr)
    if not archive.exists():
        return

    signer = ('--signer', work / 'alice.card')
    options = ('--identity', work / 'bob', *signer)
    result = reader('verify', archive, *signer)
    expect(f'{suite} verify', result.returncode == 0, result.stderr)
    result = reader('open', archive, work / 'opened', *options)
    expect(f'{suite} open', result.returncode == 0, result.stderr)
    expected, opened = listing(model, sealed=True), listing(work / 'opened')
    wrong = [path for path in expected | opened if expected.get(path) != opened.get(path)]
    expect(f'{suite} the trees are the same', not wrong, wrong)
    result = reader('tar', archive, work / 'model.tar', *options)
    expect(f'{suite} tar', result.returncode == 0, result.stderr)
    if result.returncode == 0:
        check_tar(work / 'model.tar', expected)
    result = reader('fingerprint', work / 'alice.card')
    pattern = '([0-9A-HJKMNP-TV-Z]{5}-){4}[0-9A-HJKMNP-TV-Z]{5}\n'
    expect(f'{suite} fingerprint', re.fullmatch(pattern, result.stdout), result.stderr)

    data = archive.read_bytes()
    for region, (offset, length) in regions(data).items():
        for at in (offset, offset + length // 2, offset + length - 1):
            flipped = bytearray(data)
            flipped[at] ^= 1
            check_refusal(f'{suite} {region}, byte {at - offset}', work, flipped, *options)
    check_refusal(f'{suite} a truncated archive', work, data[:-1], *options)
    check_refusal(f'{suite} a trailing byte', work, data + b'\0', *options)
    check_refusal(f'{suite} a stranger', work, data, '--identity', work / 'eve', *signer)
    other = ('--identity', work / 'bob', '--signer', work / 'eve.card')
    check_refusal(f'{suite} another signer', work, data, *other)


def check_quorum(command: list[str], suite: str, work: Path, model: Path) -> None:
    """One of two and two of three: the reader has all identities in one place."""
    names = ['ada', 'ben', 'cleo', 'dan', 'finn']
    for name in names:
        run(*command, 'keygen', '--name', name, '--suite', suite, '--plain', '-o', work / name)
    groups = [
        {'name': 'legal', 'threshold': 1, 'cards': ['ada.card', 'ben.card']},
        {'name': 'security', 'threshold': 2, 'cards': ['cleo.card', 'dan.card', 'finn.card']},
    ]
    spec = work / 'quorum.json'
    spec.write_text(json.dumps({'type': 'strongroom/quorum', 'version': 1, 'groups': groups}))
    archive = work / 'quorum.srm'
    made = run(
        *command, 'seal', model, '-o', archive, '--quorum', spec, '--sign', work / 'alice'
    )
    expect(f'{suite} seal for a quorum', made.returncode == 0, made.stderr)
    if not archive.exists():
        return
    signer = ('--signer', work / 'alice.card')

    def options(*who: str) -> tuple:
        return (*(word for name in who for word in ('--identity', work / name)), *signer)

    for i, who in enumerate([('ben', 'cleo', 'finn'), ('dan', 'ada', 'cleo'), tuple(names)]):
        out = work / f'quorum-{i}'
        result = reader('open', archive, out, *options(*who))
        expect(f'{suite} {who} open', result.returncode == 0, result.stderr)
        expect(f'{suite} {who} get it all', listing(out) and result.returncode == 0)
    data = archive.read_bytes()
    for who in [('ada',), ('ada', 'cleo'), ('cleo', 'dan', 'finn'), ('ada', 'ben', 'dan')]:
        check_refusal(f'{suite} {who}', work, data, *options(*who))


def check_access(command: list[str], suite: str, work: Path, model: Path) -> None:
    """Key rings of later epochs, in the archive and detached, and an archive sealed anew."""
    archive, ring, anew = work / 'access.srm', work / 'access.ring', work / 'anew.srm'
    by = ('-i', work / 'alice', '--signer', work / 'alice.card')

    def change(name: str, *words: object) -> None:
        made = run(*command, *words)
        expect(f'{suite} {name}', made.returncode == 0, made.stderr)

    def opens(name: str, who: str, path: Path, *options: object) -> None:
        out = work / name.replace(' ', '-')
        keys = ('--identity', work / who, '--signer', work / 'alice.card')
        result = reader('open', path, out, *keys, *options)
        expect(f'{suite} {name}', result.returncode == 0, result.stderr)
        expect(f'{suite} {name}: all of it', listing(out) == listing(work / 'opened'))

    recipients = ('-r', work / 'alice.card', '-r', work / 'bob.card')
    change('seal for two', 'seal', model, '-o', archive, *recipients, '--sign', work / 'alice')
    change('grant', 'grant', archive, '-r', work / 'eve.card', *by)
    opens('opened by who was granted', 'eve', archive)
    change('revoke', 'revoke', archive, '-r', work / 'eve.card', *by)
    opens('opened by who stayed', 'bob', archive)
    eve = ('--identity', work / 'eve', '--signer', work / 'alice.card')
    check_refusal(f'{suite} who was revoked', work, archive.read_bytes(), *eve)
    change('grant, detached', 'grant', archive, '-r', work / 'eve.card', *by, '-o', ring)
    opens('opened by a detached ring', 'eve', archive, '--keyring', ring)
    check_refusal(f'{suite} without that ring', work, archive.read_bytes(), *eve)
    change('rekey', 'rekey', archive, '--keyring', ring, '-o', anew, '-r', work / 'eve.card', *by)
    opens('opened anew', 'eve', anew)
    bob = ('--identity', work / 'bob', '--signer', work / 'alice.card')
    check_refusal(f'{suite} left out', work, anew.read_bytes(), *bob)


def main(command: list[str]) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        # What the command remembers of archives is not the user's
        os.environ['STRONGROOM_STATE_DIR'] = str(Path(scratch, 'state'))
        model = Path(scratch, 'model')
        make_tree(model)
        for suite in ('hybrid', 'cnsa2'):
            work = Path(scratch, suite)
            work.mkdir()
            check_suite(command, suite, work, model)
            check_quorum(command, suite, work, model)
            check_access(command, suite, work, model)
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
